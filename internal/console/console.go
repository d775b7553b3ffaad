// Package console is the page that a daemon's status service shows to people: the
// ring as a picture, rates and latencies, clients with their queues, groups, and
// what happened lately.
//
// The page is static: it reads the event stream beside it (events, relative to its
// own address) and holds no secrets. It is embedded whole and loads nothing from
// anywhere else.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

// policy lets the page use its own files and its own server, and nothing else.
// Trusted types are required and none may be made, so that a browser refuses to
// parse any string as HTML: names and reasons come from strangers.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

var types = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is one that is served.
type file struct {
	content []byte
	kind    string
	etag    string
}

// Handler serves the page at / and its parts below /console/, to GET and HEAD. Other
// paths are not found, other methods not allowed. Browsers keep the files, and ask
// each time whether they are still the same.
func Handler() http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		f, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "the console is read with GET", http.StatusMethodNotAllowed)
		default:
			h.Set("Content-Type", f.kind)
			h.Set("Cache-Control", "no-cache")
			h.Set("ETag", f.etag)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
		}
	})
}

// load returns the files by the path that they are served at.
func load() map[string]file {
	files := map[string]file{}
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		at := strings.TrimPrefix(name, "static")
		if at == "/index.html" {
			at = "/"
		}
		files[at] = file{content, types[path.Ext(name)], `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil {
		panic(err) // embedded files can be read
	}
	return files
}
