package web

import (
	"fmt"
	"math"
	"strconv"
)

// A Brand is how the login page looks for a service.
type Brand struct {
	Name     string
	Color    string // #rrggbb; empty: the page's own
	Logo     []byte // an image; nil: none
	LogoType string // its media type
}

// css sets the brand's colours, and black or white on them, whichever reads
// better.
func (b Brand) css() []byte {
	if b.Color == "" {
		return nil
	}
	return fmt.Appendf(nil, ":root, countersign-login { --countersign-accent: %s; --countersign-on-accent: %s; }\n", b.Color, onColor(b.Color))
}

// onColor is the better of black and white on a colour, by the contrast ratio of
// WCAG 2.2.
func onColor(hex string) string {
	l := luminance(hex)
	if (l+0.05)/0.05 > 1.05/(l+0.05) {
		return "#000000"
	}
	return "#ffffff"
}

// luminance is the relative luminance of #rrggbb, 0 to 1.
func luminance(hex string) float64 {
	rgb, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		return 0 // the configuration was checked; dark is as good a guess as any
	}
	return 0.2126*linear(rgb>>16&0xff) + 0.7152*linear(rgb>>8&0xff) + 0.0722*linear(rgb&0xff)
}

func linear(channel uint64) float64 {
	c := float64(channel) / 255
	if c <= 0.04045 {
		return c / 12.92
	}
	return math.Pow((c+0.055)/1.055, 2.4)
}
