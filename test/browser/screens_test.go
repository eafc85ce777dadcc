package browser

import (
	"bytes"
	"cmp"
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

// A group is screens of which there are pictures in the same variants.
type group struct {
	title    string
	names    []string
	variants []variant
}

// groups are all. The app and the bank speak English alone; of what differs by its
// words, there is how it looks by day and by night.
func groups() []group {
	shades, english := variants[:2], variants[:3]
	return []group{
		{"Login page", states, variants},
		{"Login page of an OpenID Connect request", operationStops, variants},
		{"Page of an operation of a back end", approvalStops, variants},
		{"Methods beside a phone", methodStops, shades},
		{"Pages of the OpenID Provider", noticeStops(), shades},
		{"Logout", logoutStops, variants},
		{"Authenticator", appStops, english},
		{"Demo bank", bankStops, english},
	}
}

// file is where a picture is kept.
func (v variant) file(name string) string { return name + "-" + v.name + ".png" }

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
	noticePictures(t)
	t.Run("methods", func(t *testing.T) { // whose world is another
		t.Run("shades", func(t *testing.T) { newTrial(t, "en", shades).run() })
	})
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

// shades takes a screen's pictures by day and by night.
func shades(name string, b *tab) {
	for _, v := range variants[:2] {
		b.size(v.width, 600, 1).media(v.media)
		b.picture(name, v)
	}
	b.media()
	b.wide()
}

func noticePictures(t *testing.T) {
	t.Helper()
	newBoard(t).run(newProfile(t).open("about:blank"), "en", shades)
}

// files are all that the folder has.
func files() []string {
	all := []string{"README.md"}
	for _, g := range groups() {
		for _, name := range g.names {
			for _, v := range g.variants {
				all = append(all, v.file(name))
			}
		}
	}
	return all
}

func checkPictures(t *testing.T) {
	t.Helper()
	want := files()
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

// picture keeps the whole page as a picture, unless it looks as the one that is kept.
func (b *tab) picture(name string, v variant) {
	b.t.Helper()
	// In a window as high as the page; in that the page may be another height.
	for height, last := int64(600), int64(0); height != last; {
		last = height
		b.size(v.width, height, 1)
		eval[chromedp.Void](b, "look.still()")
		height = max(600, eval[int64](b, "document.documentElement.scrollHeight"))
	}
	m, err := png.Decode(bytes.NewReader(b.shot()))
	if err != nil {
		b.t.Fatal(err)
	}
	file := filepath.Join(folder, v.file(name))
	if old, err := os.ReadFile(file); err == nil && alike(old, m) {
		return
	}
	if err := os.WriteFile(file, small(b.t, m), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// alike says whether a file is the picture but for the colours that small leaves out.
func alike(file []byte, m image.Image) bool {
	old, err := png.Decode(bytes.NewReader(file))
	if err != nil || old.Bounds() != m.Bounds() {
		return false
	}
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			if distance(old.At(x, y), m.At(x, y)) > 150 {
				return false
			}
		}
	}
	return true
}

// distance is how far colours are apart, at most 765.
func distance(a, b color.Color) (sum int) {
	r, g, u, _ := a.RGBA()
	s, h, v, _ := b.RGBA()
	for _, d := range []int{int(r>>8) - int(s>>8), int(g>>8) - int(h>>8), int(u>>8) - int(v>>8)} {
		sum += max(d, -d)
	}
	return sum
}

// small writes a picture with a palette of at most 256 colours: what our pages
// are painted with, and the edges of their letters, is not many more.
func small(t testing.TB, m image.Image) []byte {
	t.Helper()
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
	// Of colours that are as common, always the same: else every picture would change every time.
	slices.SortFunc(colours, func(a, b color.Color) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	return colours[:min(len(colours), 256)]
}

// writeIndex lists the pictures, and removes those of screens that there were.
func writeIndex(t *testing.T) {
	t.Helper()
	var text strings.Builder
	text.WriteString("# Screens\n\nWhat people see, as a browser paints it, state by state. The browser tests take these pictures (`go test ./test/browser -run Screens -update`,\n" +
		"which leaves alone what looks as before); look at them after every change of a page. Narrow is a window of 320 pixels, which is also one of 640 at 200 %.\n\n" +
		"Not everything has a picture: of several complaints in one place there is one, and the methods beside a phone and the provider's own pages are shown in\n" +
		"English and in a wide window. The tests look at those in the other widths and languages too.\n")
	for _, g := range groups() {
		fmt.Fprintf(&text, "\n## %s\n\n| screen | pictures |\n|---|---|\n", g.title)
		for _, name := range g.names {
			var links []string
			for _, v := range g.variants {
				links = append(links, fmt.Sprintf("[%s](%s)", v.name, v.file(name)))
			}
			fmt.Fprintf(&text, "| %s | %s |\n", name, strings.Join(links, " · "))
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "README.md"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	known := files()
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
}
