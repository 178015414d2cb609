// Package tables finds the Markdown tables of a page that tests and tools write.
package tables

import (
	"fmt"
	"strings"
)

// Rows are the cells of the table with this header line, below the line of dashes.
func Rows(page, header string) (rows [][]string, err error) {
	_, table, _, err := cut(page, header)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows, nil
}

// Replace puts other rows there, and returns the page.
func Replace(page, header string, rows [][]string) (string, error) {
	before, _, after, err := cut(page, header)
	if err != nil {
		return "", err
	}
	for _, cells := range rows {
		before += "| " + strings.Join(cells, " | ") + " |\n"
	}
	return before + after, nil
}

func cut(page, header string) (before, table, after string, err error) {
	before, rest, found := strings.Cut(page, header+"\n")
	dashes, rest, _ := strings.Cut(rest, "\n")
	if !found || !strings.HasPrefix(dashes, "|--") {
		return "", "", "", fmt.Errorf("there is no table %s", header)
	}
	before += header + "\n" + dashes + "\n"
	for strings.HasPrefix(rest, "|") {
		line, more, _ := strings.Cut(rest, "\n")
		table, rest = table+line+"\n", more
	}
	return before, table, rest, nil
}
