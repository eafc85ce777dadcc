package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

//go:embed look.js
var lookScript string

const (
	patience = 15 * time.Second // how long a tab waits for what it looks for
	interval = 20 * time.Millisecond
)

// A tab is one page of a profile as a person has it before them.
type tab struct {
	t   testing.TB
	ctx context.Context //nolint:containedctx // as chromium's

	mu       sync.Mutex
	troubles []string
	excused  []string
}

// open opens a tab in front of the others at an address.
func (p *profile) open(url string) *tab {
	p.t.Helper()
	b := p.tab(chromedp.WithNewWindow(false))
	b.visit(url)
	return b
}

// tab opens a tab, or takes over one that a page opened.
func (p *profile) tab(o chromedp.ContextOption) *tab {
	p.t.Helper()
	b, err := p.attach(o)
	if err != nil {
		p.t.Fatalf("tab: %v", err)
	}
	return b
}

// attach is tab for one that may be gone already.
func (p *profile) attach(o chromedp.ContextOption) (*tab, error) {
	p.t.Helper()
	b := &tab{t: p.t}
	var end context.CancelFunc
	b.ctx, end = chromedp.NewContext(p.ctx, o, chromedp.WithListener(b.hear))
	if err := chromedp.Do(b.ctx); err != nil {
		end()
		return nil, err
	}
	p.t.Cleanup(func() { b.report(); end() })
	b.call("look", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: lookScript, RunImmediately: ptr(true)})
		return err
	})
	if p.langs != "" {
		agent := eval[string](b, "navigator.userAgent")
		b.call("languages", func(ctx context.Context) error {
			_, err := chromedp.Call(ctx, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: p.langs})
			return err
		})
	}
	return b, nil
}

// opened waits for the tab that a page of the profile opens while act runs. The
// browser may give up the first one it made for a link and make another.
func (p *profile) opened(from *tab, act func()) *tab {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(from.ctx, patience)
	defer cancel()
	mine := chromedp.FromContext(p.ctx).BrowserContextID // every tab hears of those of other tests too
	isNew := func(i *target.Info) bool { return i.Type == "page" && i.BrowserContextID == mine }
	first, second := chromedp.WaitNewTarget(ctx, isNew), make(<-chan target.ID)
	act()
	for {
		var got target.ID
		select {
		case got = <-first:
			second = chromedp.WaitNewTarget(ctx, func(i *target.Info) bool { return isNew(i) && i.TargetID != got })
		case got = <-second:
		case <-ctx.Done():
		}
		if got == "" {
			p.t.Fatal("no tab was opened")
		}
		if b, err := p.attach(chromedp.WithTargetID(got)); err == nil {
			return b
		}
		first = nil
	}
}

func ptr[T any](v T) *T { return &v }

// hear keeps what a page must not do, for report.
func (b *tab) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.note("exception: " + e.ExceptionDetails.Text + " " + describe(e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, a := range e.Args {
				words = append(words, describe(a))
			}
			b.note("console: " + strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.note(fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

func describe(o *runtime.RemoteObject) string {
	if o == nil {
		return ""
	}
	if o.Description != "" {
		return o.Description
	}
	return string(o.Value)
}

func (b *tab) note(trouble string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.troubles = append(b.troubles, trouble)
}

// excuse says which troubles the test itself makes: parts of their texts.
func (b *tab) excuse(parts ...string) *tab {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.excused = append(b.excused, parts...)
	return b
}

// report fails the test for every trouble that was not excused.
func (b *tab) report() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		if !slices.ContainsFunc(b.excused, func(part string) bool { return strings.Contains(trouble, part) }) {
			b.t.Errorf("the page got into trouble: %s", trouble)
		}
	}
	b.troubles = nil
}

// call does something with the tab that takes no time to speak of.
func (b *tab) call(what string, f func(context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := f(ctx); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// try evaluates an expression, which may be a promise.
func try[T any](b *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// eval is try for what must work.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := try[T](b, expression)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// do evaluates an expression for what it does.
func (b *tab) do(expression string) {
	b.t.Helper()
	eval[chromedp.Void](b, "void ("+expression+")")
}

// await evaluates an expression until good says so, over reloads and other pages
// too, and fails the test if it never does.
func await[T any](b *tab, what, expression string, good func(T) bool) T {
	b.t.Helper()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	timeout := time.After(patience)
	for {
		v, err := try[T](b, expression)
		if err == nil && good(v) {
			return v
		}
		select {
		case <-tick.C:
		case <-timeout:
			seen, _ := try[string](b, "location.href + '\\n' + look.text()") // the best that can be told
			b.t.Fatalf("not in time: %s (%v, %v); the page shows\n%s\n%s", what, v, err, seen, strings.Join(b.troubles, "\n"))
		}
	}
}

func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""` // a string always has JSON
	}
	return string(text)
}

// visit goes to an address and waits until it is there.
func (b *tab) visit(url string) *tab {
	b.t.Helper()
	b.call("visit "+url, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Navigate(url)) })
	return b
}

// reload loads the page again.
func (b *tab) reload() *tab {
	b.t.Helper()
	b.call("reload", func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Reload()) })
	return b
}

// see waits until the page shows a text.
func (b *tab) see(text string) *tab {
	b.t.Helper()
	await(b, "see "+quote(text), fmt.Sprintf("look.text().includes(%s)", quote(text)), func(ok bool) bool { return ok })
	return b
}

// sees says whether the page shows a text now.
func (b *tab) sees(text string) bool {
	b.t.Helper()
	return strings.Contains(b.text(), text)
}

// text is all that the page shows.
func (b *tab) text() string {
	b.t.Helper()
	return eval[string](b, "look.text()")
}

// seeElement waits until an element is shown, and gives its text.
func (b *tab) seeElement(selector string) string {
	b.t.Helper()
	return *await(b, "see "+selector, fmt.Sprintf("look.of(%s)", quote(selector)), func(text *string) bool { return text != nil })
}

// gone waits until no element of a selector is shown.
func (b *tab) gone(selector string) *tab {
	b.t.Helper()
	await(b, selector+" goes", fmt.Sprintf("!look.sees(%s)", quote(selector)), func(ok bool) bool { return ok })
	return b
}

// click waits until an element can be pressed, and presses it with the mouse;
// again, if it moved away meanwhile.
func (b *tab) click(selector string) *tab {
	b.t.Helper()
	await(b, "press "+selector, fmt.Sprintf("look.spot(%s)", quote(selector)), func(at []float64) bool {
		if len(at) != 2 || chromedp.Do(b.ctx, chromedp.MouseClickXY(at[0], at[1])) != nil {
			return false
		}
		missed, err := try[bool](b, "globalThis.look?.missed() ?? false")
		return err != nil || !missed // the page may be gone
	})
	return b
}

// menu presses the right button on an element, once it rests.
func (b *tab) menu(selector string) *tab {
	b.t.Helper()
	var last []float64
	at := await(b, "rests "+selector, fmt.Sprintf("look.spot(%s)", quote(selector)), func(at []float64) bool {
		rests := len(at) == 2 && slices.Equal(at, last)
		last = at
		return rests
	})
	b.call("menu", func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.MouseClickXY(at[0], at[1], chromedp.Button("right")))
	})
	return b
}

// write puts a text into a field in place of what is there, key by key.
func (b *tab) write(selector, text string) *tab {
	b.t.Helper()
	b.click(selector)
	b.do(fmt.Sprintf("look.find(%s).select()", quote(selector)))
	return b.keys(text)
}

// keys presses keys, whatever has the focus.
func (b *tab) keys(keys string, with ...chromedp.KeyOption) *tab {
	b.t.Helper()
	b.call("keys", func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.KeyEvent(keys, with...))
	})
	return b
}

// front brings the tab before the others of its window, as a person does who
// looks at it again.
func (b *tab) front() *tab {
	b.t.Helper()
	b.call("front", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.BringToFront, struct{}{})
		return err
	})
	return b
}

// lifecycle freezes the page, as browsers do with a tab nobody looks at, or
// wakes it.
func (b *tab) lifecycle(to page.SetWebLifecycleStateState) *tab {
	b.t.Helper()
	b.call("lifecycle", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.SetWebLifecycleState, page.SetWebLifecycleStateParams{State: to})
		return err
	})
	return b
}

// media makes the page believe what media features say, such as
// "prefers-color-scheme: dark".
func (b *tab) media(features ...string) *tab {
	b.t.Helper()
	p := emulation.SetEmulatedMediaParams{}
	for _, f := range features {
		name, value, _ := strings.Cut(f, ": ")
		p.Features = append(p.Features, &emulation.MediaFeature{Name: name, Value: value})
	}
	b.call("media", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, p)
		return err
	})
	return b
}

// size makes the page so large, in CSS pixels, at scale device pixels each.
func (b *tab) size(width, height int64, scale float64) *tab {
	b.t.Helper()
	b.call("size", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: scale})
		return err
	})
	return b
}
