package browser

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A variant is a way to look at a screen.
type variant struct {
	name  string
	width int64
	media string
	query string // added to the login page's address
}

var variants = []variant{
	{"light", 800, "prefers-color-scheme: light", ""},
	{"dark", 800, "prefers-color-scheme: dark", ""},
	{"narrow", 320, "prefers-color-scheme: light", ""},
	{"arabic", 800, "prefers-color-scheme: light", "ui_locales=ar"},
}

// folder is where the pictures are kept.
var folder = filepath.Join("..", "..", "docs", "screens")

// translated says whether a screen speaks the user's language: the app and the bank
// speak English alone.
func translated(name string) bool {
	return slices.Contains(slices.Concat(states, operationStops, approvalStops, logoutStops), name)
}

// Every screen is kept as a picture in every variant, for people to look at; with
// -update the pictures are taken anew.
func TestScreens(t *testing.T) {
	if !*update {
		t.Parallel()
		checkPictures(t)
		return
	}
	s, listed := openShop(t)
	c := newParty(t, listed)
	w := c.World
	s.World = w
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	b := newProfile(t).open(w.hosted("demo=pending"))
	for _, v := range variants {
		for _, state := range states {
			b.size(v.width, 600, 1).media(v.media)
			b.demo(w, state, v.query)
			b.picture(state, v)
		}
	}
	r := &tour{w: w}
	r.stop = func(name string, b *tab) {
		for _, v := range variants {
			if v.query == "" {
				b.size(v.width, 600, 1).media(v.media)
				b.picture(name, v)
			}
		}
		b.media()
		b.wide()
	}
	r.run()
	loginPictures(c, s)
	writeIndex(t)
	checkPictures(t)
}

// loginPictures takes the pictures of an operation's pages and of a logout, by a
// visit, an errand and a goodbye in English and in Arabic.
func loginPictures(c *party, s *shop) {
	c.t.Helper()
	for _, lang := range []string{"en", "ar"} {
		stop := func(name string, b *tab) {
			for _, x := range variants {
				if (x.query != "") == (lang == "ar") {
					b.size(x.width, 600, 1).media(x.media)
					b.picture(name, x)
				}
			}
			b.media()
			b.wide()
		}
		(&visit{c: c, lang: lang, stop: stop}).run()
		(&errand{s: s, lang: lang, stop: stop}).run()
		(&goodbye{c: c, lang: lang, stop: stop}).run(newProfile(c.t), c.Phone(0))
	}
}

func checkPictures(t *testing.T) {
	t.Helper()
	want := []string{"README.md"}
	for _, v := range variants {
		for _, name := range slices.Concat(states, operationStops, approvalStops, logoutStops, appStops, bankStops) {
			if v.query == "" || translated(name) {
				want = append(want, name+"-"+v.name+".png")
			}
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatalf("%v; take the pictures with go test ./test/browser -run Screens -update", err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		missing := slices.DeleteFunc(slices.Clone(want), func(s string) bool { return slices.Contains(got, s) })
		stale := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return slices.Contains(want, s) })
		t.Errorf("missing %q, of no screen %q; take the pictures with go test ./test/browser -run Screens -update", missing, stale)
	}
}

// picture keeps the whole page as a picture.
func (b *tab) picture(name string, v variant) {
	b.t.Helper()
	// In a window as high as the page; in that the page may be another height.
	for height, last := int64(600), int64(0); height != last; {
		last = height
		b.size(v.width, height, 1)
		eval[chromedp.Void](b, "look.still()")
		height = max(600, eval[int64](b, "document.documentElement.scrollHeight"))
	}
	if err := os.WriteFile(filepath.Join(folder, name+"-"+v.name+".png"), small(b.t, b.shot()), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// small writes a picture with a palette of at most 256 colours: what our pages
// are painted with, and the edges of their letters, is not many more.
func small(t testing.TB, shot []byte) []byte {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	out := image.NewPaletted(m.Bounds(), paletteOf(m))
	index := map[color.Color]uint8{}
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			c := m.At(x, y)
			i, known := index[c]
			if !known {
				i = uint8(out.Palette.Index(c))
				index[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&file, out); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// paletteOf gives the 256 commonest colours of a picture.
func paletteOf(m image.Image) color.Palette {
	count := map[color.Color]int{}
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			count[m.At(x, y)]++
		}
	}
	colours := make(color.Palette, 0, len(count))
	for c := range count {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.Color) int { return count[b] - count[a] })
	return colours[:min(len(colours), 256)]
}

// writeIndex lists the pictures.
func writeIndex(t *testing.T) {
	t.Helper()
	var text strings.Builder
	text.WriteString("# Screens\n\nWhat people see, as a browser paints it: every state of the login page, of the one that an OpenID Connect request leads to,\n" +
		"of the one by which a back end has something approved, every page of a logout, every screen of the authenticator and every page of the demo bank. The browser tests take these pictures (`go test ./test/browser -run Screens -update`); look at them after every change of a page.\n" +
		"Narrow is a window of 320 pixels, which is also one of 640 at 200 %.\n")
	for _, part := range []struct {
		title string
		names []string
	}{{"Login page", states}, {"Login page of an OpenID Connect request", operationStops}, {"Page of an operation of a back end", approvalStops}, {"Logout", logoutStops}, {"Authenticator", appStops}, {"Demo bank", bankStops}} {
		fmt.Fprintf(&text, "\n## %s\n\n| screen | pictures |\n|---|---|\n", part.title)
		for _, name := range part.names {
			var links []string
			for _, v := range variants {
				if v.query == "" || translated(name) {
					links = append(links, fmt.Sprintf("[%s](%s-%[1]s.png)", v.name, name))
				}
			}
			fmt.Fprintf(&text, "| %s | %s |\n", name, strings.Join(links, " · "))
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "README.md"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
