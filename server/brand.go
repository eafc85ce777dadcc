package server

import (
	"bytes"
	"net/http"
	"strconv"

	"countersign/web"
)

// maxLogo bounds a logo: it is kept in memory, and every login fetches it.
const maxLogo = 64 << 10

// ReadBrands reads the services' logos. The error is an Errors with everything
// that is wrong.
func (c Config) ReadBrands() (map[string]web.Brand, error) {
	r := secretReader{cfg: c}
	brands := map[string]web.Brand{}
	for i, s := range c.Services {
		b := web.Brand{Name: s.Name, Color: s.Branding.Color}
		path := "services[" + strconv.Itoa(i) + "].branding.logoFile"
		if text := r.readUpTo(path, s.Branding.LogoFile, maxLogo); text != nil {
			b.Logo, b.LogoType = text, imageType(text)
			if b.LogoType == "" {
				r.fail(path, "the file it names is no image known here", "PNG, JPEG, WebP or SVG")
			}
		}
		brands[s.ID] = b
	}
	if len(r.found) > 0 {
		r.found.sort()
		return nil, r.found
	}
	return brands, nil
}

// imageType is the media type of an image that browsers show, by its content;
// empty: none.
func imageType(text []byte) string {
	switch t := http.DetectContentType(text); t {
	case "image/png", "image/jpeg", "image/webp":
		return t
	}
	if bytes.Contains(text[:min(len(text), 1024)], []byte("<svg")) {
		return "image/svg+xml"
	}
	return ""
}
