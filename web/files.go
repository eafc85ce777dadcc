package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed dist
var dist embed.FS

// The texts of the SDK, which pages say too, and those that pages alone say.
//
//go:embed sdk/locales/*.json pages/texts/*.json
var locales embed.FS

//go:embed pages/*.html
var templates embed.FS

// A file is one embedded asset, ready to be sent.
type file struct {
	body    []byte
	kind    string // Content-Type
	version string // changes with the body
}

// kinds are the media types of what dist holds; what the machine's own table
// says would differ from one machine to the next.
var kinds = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8",
	".webmanifest": "application/manifest+json", ".svg": "image/svg+xml", ".png": "image/png",
}

// readFiles reads dist: what lies in dist/login/login.js is login/login.js.
func readFiles() (map[string]file, error) {
	files := map[string]file{}
	err := fs.WalkDir(dist, "dist", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := dist.ReadFile(p)
		if err != nil {
			return err
		}
		kind, known := kinds[path.Ext(p)]
		if !known {
			kind = mime.TypeByExtension(path.Ext(p))
		}
		files[strings.TrimPrefix(p, "dist/")] = newFile(body, kind)
		return nil
	})
	return files, err
}

func newFile(body []byte, kind string) file {
	sum := sha256.Sum256(body)
	return file{body: body, kind: kind, version: base64.RawURLEncoding.EncodeToString(sum[:9])}
}

// sendAs answers with the file under the headers that are set already.
func (f file) sendAs(w http.ResponseWriter, r *http.Request) {
	tag := `"` + f.version + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	// The peer may have gone; there is nobody else to tell.
	_, _ = w.Write(f.body)
}

// send answers with the file. A caller that names the version it wants may keep
// the answer for good; any other asks again each time whether it changed. During
// a rollout a node may be asked for a version it does not have: that answer must
// not be kept.
func (f file) send(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Type", f.kind)
	head.Set("Cache-Control", "no-cache")
	switch r.URL.Query().Get("v") {
	case "":
	case f.version:
		head.Set("Cache-Control", "public, max-age=31536000, immutable")
	default:
		head.Set("Cache-Control", "no-store")
	}
	f.sendAs(w, r)
}
