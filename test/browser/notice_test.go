package browser

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"countersign/web"
)

// noticeStops are the pages of the provider.
func noticeStops() (names []string) {
	for _, name := range web.Notices() {
		names = append(names, "provider-"+string(name))
	}
	return names
}

// A board shows every page of the provider, also those that nobody can be led to: each
// at its name.
type board struct {
	t     testing.TB
	pages *web.Pages
	at    string // its origin
}

func newBoard(t testing.TB) *board {
	t.Helper()
	l := listen(t)
	pages, err := web.New(web.Options{Issuer: origin(l)})
	if err != nil {
		t.Fatal(err)
	}
	d := &board{t, pages, origin(l)}
	serve(t, l, d)
	return d
}

// ServeHTTP implements http.Handler.
func (d *board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if d.pages.Asset(w, r, strings.TrimPrefix(path, "assets/")) {
		return
	}
	n := web.Notice{Name: web.NoticeName(strings.TrimPrefix(path, "provider-")), Status: http.StatusOK}
	switch n.Name { //nolint:exhaustive // the others have words alone
	case web.NoticeCannotBegin, web.NoticeCannotLogOut:
		n.Detail = "invalid_request: the address is not registered"
	case web.NoticeBackToSite, web.NoticeSendLogin, web.NoticeSendLogout:
		n.Action, n.Fields = d.at+"/there", []web.Field{{Name: "state", Value: "1"}}
	}
	if err := d.pages.Notice(w, r, n); err != nil {
		d.t.Errorf("%s: %v", path, err)
	}
}

// run stops at every page, in a language. Scripts do not run while it loads, so that
// the forms stay.
func (d *board) run(b *tab, lang string, stop func(name string, b *tab)) {
	d.t.Helper()
	for _, name := range noticeStops() {
		b.scripts(false)
		b.visit(d.at + "/" + name + "?ui_locales=" + lang)
		b.see(wordsOfPages(d.t, lang)(strings.TrimPrefix(name, "provider-") + "Title"))
		b.scripts(true)
		stop(name, b)
	}
}

// Every page of the provider is one that axe finds nothing wrong with, as the user has
// it, speaks the user's language, fits a narrow window, and leads nowhere but by its
// form.
func TestProviderPagesAreAccessible(t *testing.T) {
	t.Parallel()
	d := newBoard(t)
	for _, lang := range []string{"en", "de", "sv", "cs", "fr", "es", "ar"} {
		look := lookOver(t, lang)
		d.run(newProfile(t).open("about:blank"), lang, func(name string, b *tab) {
			look(name, b)
			if links := eval[int](b, `document.querySelectorAll('a[href], iframe, [onclick]').length`); links != 0 {
				t.Errorf("%s in %s has %d links", name, lang, links)
			}
			if card := eval[string](b, `getComputedStyle(look.find('#notice')).maxInlineSize`); card != "432px" {
				t.Errorf("%s in %s is on no card: %s", name, lang, card)
			}
			if detail := eval[string](b, `((e) => e ? [e.lang, getComputedStyle(e).direction].join(' ') : '')(look.find('.detail span'))`); detail != "" && detail != "en ltr" {
				t.Errorf("%s in %s: the developers' part is %s", name, lang, detail)
			}
		})
	}
}

// A form of the provider's goes on by itself.
func TestProviderFormGoesOn(t *testing.T) {
	t.Parallel()
	d := newBoard(t)
	for _, name := range []web.NoticeName{web.NoticeBackToSite, web.NoticeSendLogin, web.NoticeSendLogout} {
		b := newProfile(t).open(fmt.Sprint(d.at, "/provider-", name))
		await(b, "the way on", "location.pathname", func(at string) bool { return at == "/there" })
	}
}
