// Page is the loop in the browser: the real one, compiled to WebAssembly, with the reader in the place
// of its clients and, at will, of its kernel.
//
//	go run ./docs/page                 build it and serve it on loopback
//	go run ./docs/page -o DIR          write static files for any web host
//	go run ./docs/page -single FILE    write one HTML file that works when opened from disk
package main

import (
	"errors"
	"flag"
	"fmt"
	"mime"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to serve; port 0: any free one")
	dir := flag.String("o", "", "write static files into this directory, all levels built")
	single := flag.String("single", "", "write one HTML file that needs no server")
	flag.Parse()
	if err := run(*address, *dir, *single); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

func run(address, dir, single string) error {
	s, err := newSite()
	if err != nil {
		return err
	}
	defer s.close()
	switch {
	case dir != "":
		return writeFiles(s, dir)
	case single != "":
		return writeSingle(s, single)
	}
	return serve(s, address)
}

// serve answers requests until it is interrupted. A program is built when it is first asked for.
func serve(s *site, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/\n", listener.Addr())
	go s.file(program(0)) // the first load does not wait for the first request
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if name == "" {
			name = "index.html"
		}
		content, err := s.file(name)
		switch {
		case errors.Is(err, errNoFile):
			http.NotFound(w, r)
		case err != nil:
			fmt.Fprintln(os.Stderr, "page:", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.Header().Set("Content-Type", mime.TypeByExtension(filepath.Ext(name)))
			w.Header().Set("Cache-Control", "no-store") // the code may have changed
			if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && filepath.Ext(name) != ".gz" {
				w.Header().Set("Content-Encoding", "gzip")
				content = compress(content)
			}
			w.Write(content)
		}
	}))
}

// writeFiles writes every file of the page.
func writeFiles(s *site, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range s.names() {
		content, err := s.file(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), content, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
