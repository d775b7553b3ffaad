package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gospread/spread/internal/console"
)

func get(t *testing.T, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	console.Handler().ServeHTTP(w, r)
	answer := w.Result()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestHandler(t *testing.T) {
	page, body := get(t, "GET", "/")
	tag := page.Header.Get("ETag")
	if page.StatusCode != 200 || !strings.HasPrefix(body, "<!doctype html>") || page.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("the page: %s, %s", page.Status, page.Header)
	}
	if tag == "" || page.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("the page cannot be kept and asked for again: %s", page.Header)
	}
	if again, body := get(t, "GET", "/", "If-None-Match", tag); again.StatusCode != 304 || body != "" {
		t.Errorf("the same page again: %s, %d bytes", again.Status, len(body))
	}
	if changed, _ := get(t, "GET", "/", "If-None-Match", `"other"`); changed.StatusCode != 200 {
		t.Errorf("another page before: %s", changed.Status)
	}
	if head, body := get(t, "HEAD", "/console/app.js"); head.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %s, %d bytes", head.Status, len(body))
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if r, _ := get(t, method, "/"); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, Allow %q", method, r.Status, r.Header.Get("Allow"))
		}
	}
	for _, path := range []string{"/index.html", "/console/", "/console", "/static/index.html", "/console/../console.go", "/favicon.ico", "//"} {
		if r, _ := get(t, "GET", path); r.StatusCode != 404 {
			t.Errorf("%s: %s, want not found", path, r.Status)
		}
	}
}

// What every answer says, also those that are errors.
func TestHeaders(t *testing.T) {
	for _, path := range []string{"/", "/console/app.js", "/console/console.css", "/nothing"} {
		r, _ := get(t, "GET", path)
		policy := r.Header.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
			"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
		} {
			if !strings.Contains("; "+policy+";", "; "+want+";") {
				t.Errorf("%s: the policy lacks %q: %s", path, want, policy)
			}
		}
		if r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the type may be guessed", path)
		}
	}
}

var (
	reference = regexp.MustCompile(`(?:href|src)="([^"#]+)"`)
	imported  = regexp.MustCompile(`from '\./([^']+)'`)
	elsewhere = regexp.MustCompile(`https?://|//[a-z]+\.`)
	inline    = regexp.MustCompile(`(?i)<style|<script>|\son[a-z]+=|style=|javascript:`)
	parsing   = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function`)
)

// The files refer to each other and to nothing else, and contain nothing that the
// policy forbids.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("static/console/*")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	ours := map[string]bool{"status.json": true, "metrics": true} // of the status service
	for _, name := range append(files, "static/index.html") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(name, "static")
		if name == "static/index.html" {
			path = "/"
		}
		r, body := get(t, "GET", path)
		if r.StatusCode != 200 || body != string(text) || r.Header.Get("Content-Type") == "" {
			t.Errorf("%s is served as %s, type %q", name, r.Status, r.Header.Get("Content-Type"))
		}
		ours[strings.TrimPrefix(path, "/")] = true
		clean := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "")
		for _, bad := range []*regexp.Regexp{elsewhere, parsing} {
			if found := bad.FindString(clean); found != "" {
				t.Errorf("%s has %q", name, found)
			}
		}
		if found := inline.FindString(clean); found != "" && filepath.Ext(name) == ".html" {
			t.Errorf("%s has %q inline", name, found)
		}
	}
	page, err := os.ReadFile("static/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range reference.FindAllStringSubmatch(string(page), -1) {
		if !ours[m[1]] {
			t.Errorf("the page refers to %q, which is not served", m[1])
		}
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range imported.FindAllStringSubmatch(string(text), -1) {
			if !ours["console/"+m[1]] {
				t.Errorf("%s imports %q, which is not served", name, m[1])
			}
		}
	}
}
