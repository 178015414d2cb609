package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// writeSingle writes the page as one file. A page that is opened from disk may load no other file, so
// the style sheet and wasm_exec.js are put into it, the modules become data: addresses in the import
// map, and all other files a table that fetchFile (wasm.js) reads.
func writeSingle(s *site, name string) error {
	page, err := s.file("index.html")
	if err != nil {
		return err
	}
	modules := map[string]string{}
	files := map[string]string{}
	var replace []string
	for _, name := range s.names() {
		content, err := s.file(name)
		if err != nil {
			return err
		}
		switch {
		case name == "index.html":
		case name == "style.css":
			replace = append(replace, `<link rel="stylesheet" href="style.css">`, "<style>\n"+string(content)+"</style>")
		case name == "wasm_exec.js":
			replace = append(replace, `<script src="wasm_exec.js"></script>`, "<script>\n"+string(content)+"</script>")
		case strings.HasSuffix(name, ".js"):
			modules["page/"+strings.TrimSuffix(name, ".js")] = "data:text/javascript;base64," + base64.StdEncoding.EncodeToString(content)
		default:
			files[name] = base64.StdEncoding.EncodeToString(content)
		}
	}
	imports, err := json.MarshalIndent(map[string]any{"imports": modules}, "", "  ")
	if err != nil {
		return err
	}
	table, err := json.Marshal(files)
	if err != nil {
		return err
	}
	text := string(page)
	start, end := strings.Index(text, `<script type="importmap">`), strings.Index(text, "<!-- end of the import map -->")
	if start < 0 || end < start {
		return fmt.Errorf("index.html has no import map")
	}
	text = text[:start] + "<script>var pageFiles = " + string(table) + ";</script>\n" +
		`<script type="importmap">` + "\n" + string(imports) + "\n</script>\n" + text[end:]
	for i := 0; i < len(replace); i += 2 {
		if strings.Count(text, replace[i]) != 1 {
			return fmt.Errorf("index.html must have %s once", replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	return os.WriteFile(name, []byte(text), 0o644)
}
