package browser

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// The phone's camera reads the moving QR code off the login page: a picture of
// the page is what Chromium takes for its camera's.
func TestScanned(t *testing.T) {
	film := filepath.Join(t.TempDir(), "camera.y4m")
	w := newWorld(t)
	filming, err := launch(chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", film))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(filming.close)
	alice := w.enrol(filming.profile(t))
	alice.excuse("403") // a code that was too old by the time it was read
	page := &loginPage{newProfile(t).open(w.bank + "/login")}
	page.size(1280, 720, 1)
	await(page.tab, "a QR code", `look.sees('.qr svg')`, isTrue)

	for try := 1; ; try++ {
		page.film(film)
		alice.click(testid("scan"))
		alice.see("Do you want to approve this?")
		end := await(alice.tab, "the request or a refusal", `look.find('[data-testid="display"], [data-testid="result"]')?.dataset.testid ?? ''`, func(s string) bool { return s != "" })
		if end == "display" {
			break
		}
		if try == 5 {
			t.Fatalf("the code was never in time: %s", alice.text())
		}
		alice.click(testid("done"))
	}
	alice.read()
	page.see("Check in the app what you are asked")
	alice.see("You scanned the code, so there is none to type.")
	alice.approve("")
	alice.result("approved")
	page.seeElement(testid("login-approved"))
	if claims := page.claims(); claims["acr"] != "urn:countersign:scanned" || claims["sub"] != alice.token {
		t.Errorf("the token has %v", claims)
	}
}

// shot is a picture of what is in the window.
func (b *tab) shot() []byte {
	b.t.Helper()
	var picture []byte
	b.call("picture", func(ctx context.Context) (err error) {
		picture, err = chromedp.Run(ctx, chromedp.CaptureScreenshot())
		return err
	})
	return picture
}

// film writes a picture of the page as a film of two frames.
func (b *tab) film(path string) {
	b.t.Helper()
	picture, err := png.Decode(bytes.NewReader(b.shot()))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, y4m(picture), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// y4m is a film of a still picture: YUV4MPEG2, 4:2:0, as Chromium's fake camera
// reads it. Width and height are even.
func y4m(m image.Image) []byte {
	size := m.Bounds().Size()
	var luma, blue, red []byte
	for y := range size.Y {
		for x := range size.X {
			r, g, b, _ := m.At(m.Bounds().Min.X+x, m.Bounds().Min.Y+y).RGBA()
			l, cb, cr := color.RGBToYCbCr(uint8(r>>8), uint8(g>>8), uint8(b>>8))
			luma = append(luma, l)
			if x%2 == 0 && y%2 == 0 { // the corner stands for its four: it is a picture in black and white
				blue, red = append(blue, cb), append(red, cr)
			}
		}
	}
	var film bytes.Buffer
	fmt.Fprintf(&film, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n", size.X, size.Y)
	for range 2 {
		film.WriteString("FRAME\n")
		film.Write(luma)
		film.Write(blue)
		film.Write(red)
	}
	return film.Bytes()
}
