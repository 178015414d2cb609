package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"chatd/internal_test/contender"
)

// quiet is the row without an attack, to which the others are compared.
const quiet = "quiet"

// An attackRow is what one pair saw beside an attack: medians over the rounds, in microseconds.
type attackRow struct {
	Server    string    `json:"server"`
	Attack    string    `json:"attack"`
	Attackers int       `json:"attackers"`
	P50       []float64 `json:"p50_us"` // by round
	P99       []float64 `json:"p99_us"`
	Max       []float64 `json:"max_us"`
	Messages  []float64 `json:"messages_per_second"`
	Answered  []float64 `json:"attackers_lines_per_second"`
	Failed    string    `json:"failed,omitempty"`
}

// attacksCommand measures one pair beside each attack, against one server or several in turn.
func attacksCommand(args []string, stdout, stderr io.Writer) int {
	var o figuresOptions
	flags := flag.NewFlagSet("swarm attacks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 3, "`number` of times each is measured")
	flags.DurationVar(&o.seconds, "load", 2*time.Second, "`time` for which each is measured")
	only := flags.String("only", attackNames(), "`attacks` to measure, with commas between them")
	crowd := flags.String("attackers", "50,1000", "`numbers` of attackers, with commas between them")
	servers := flags.String("servers", "", "`NAME=BINARY` of each server, with commas between them (default: chatd, built now)")
	csvFile := flags.String("csv", "", "write the rows to a `file` as CSV")
	jsonFile := flags.String("json", "", "write the rows to a `file` as JSON")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 || o.rounds < 1 {
		fmt.Fprintln(stderr, "swarm attacks: there must be a round, and nothing but flags")
		return 2
	}
	o.warmup = 300 * time.Millisecond
	m := &measurement{options: o, stderr: stderr, progress: newProgress(stderr), failed: make(map[string]bool)}
	rows, err := m.attackRows(*servers, *only, *crowd)
	m.progress.clear()
	if err == nil {
		printAttacks(stdout, rows)
		err = errors.Join(saveAttacksCSV(*csvFile, rows), saveJSON(*jsonFile, rows))
	}
	if err != nil {
		fmt.Fprintf(stderr, "swarm attacks: %v\n", err)
		return 1
	}
	return 0
}

// attackRows measures. In each round the servers follow each other under the same attack.
func (m *measurement) attackRows(servers, only, crowd string) (rows []*attackRow, err error) {
	if m.contenders, err = attacked(servers); err != nil {
		return nil, err
	}
	names := append([]string{quiet}, strings.Split(only, ",")...)
	for _, name := range names {
		for i, text := range strings.Split(crowd, ",") {
			attackers, err := strconv.Atoi(text)
			if err != nil {
				return nil, err
			}
			if name == quiet {
				if attackers = 0; i > 0 {
					continue
				}
			}
			for _, c := range m.contenders {
				rows = append(rows, &attackRow{Server: c.Name, Attack: name, Attackers: attackers})
			}
		}
	}
	for round := range m.options.rounds {
		for i, row := range rows {
			c := m.contenders[i%len(m.contenders)]
			m.progress.say("round %d of %d: %s, %d x %s", round+1, m.options.rounds, c.Name, row.Attackers, row.Attack)
			m.measureAttack(c, row)
		}
	}
	return rows, nil
}

// attacked are the servers that are measured.
func attacked(servers string) (list []contender.Contender, err error) {
	if _, err := allowManyDescriptors(); err != nil {
		return nil, err
	}
	if servers == "" {
		root, err := contender.Root()
		if err != nil {
			return nil, err
		}
		folder, err := os.MkdirTemp("", "attacks")
		if err != nil {
			return nil, err
		}
		c := contender.All()[0]
		err = c.Build(root, folder)
		return []contender.Contender{c}, err
	}
	for server := range strings.SplitSeq(servers, ",") {
		name, binary, ok := strings.Cut(server, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not NAME=BINARY", server)
		}
		list = append(list, contender.Running(name, binary))
	}
	return list, nil
}

func (m *measurement) measureAttack(c contender.Contender, row *attackRow) {
	if row.Failed != "" {
		return
	}
	o := options{load: "pairs", n: 1, warmup: m.options.warmup, seconds: m.options.seconds}
	if row.Attack != quiet {
		o.attack, o.attackers = row.Attack, row.Attackers
	}
	r, err := m.once(c, o)
	if err != nil {
		row.Failed = err.Error()
		return
	}
	us := func(d time.Duration) float64 { return float64(d) / 1e3 }
	row.P50, row.P99, row.Max = append(row.P50, us(r.Latency.P50)), append(row.P99, us(r.Latency.P99)), append(row.Max, us(r.Latency.Max))
	row.Messages, row.Answered = append(row.Messages, r.perSecond()), append(row.Answered, float64(r.Answered)/r.Seconds)
}

// printAttacks is a table in Markdown. The ratio is of medians, to the quiet row of the same server.
func printAttacks(w io.Writer, rows []*attackRow) {
	head(w, "attack", "attackers", "server", "p50, microseconds", "p99, microseconds", "p99 to quiet", "attackers' lines a second")
	quietP99 := make(map[string]float64)
	for _, r := range rows {
		if r.Failed != "" {
			fmt.Fprintf(w, "| %s | %d | %s | failed: %s |\n", r.Attack, r.Attackers, r.Server, r.Failed)
			continue
		}
		if r.Attack == quiet {
			quietP99[r.Server] = middle(r.P99)
		}
		fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %.1f | %.0f |\n", r.Attack, r.Attackers, r.Server,
			spread(r.P50, "%.0f"), spread(r.P99, "%.0f"), middle(r.P99)/quietP99[r.Server], middle(r.Answered))
	}
}

// saveAttacksCSV writes a line for each row and round.
func saveAttacksCSV(path string, rows []*attackRow) error {
	if path == "" {
		return nil
	}
	lines := [][]string{{"server", "attack", "attackers", "round", "p50_us", "p99_us", "max_us", "messages_per_second", "attackers_lines_per_second"}}
	for _, r := range rows {
		for i := range r.P50 {
			line := []string{r.Server, r.Attack, strconv.Itoa(r.Attackers), strconv.Itoa(i + 1)}
			for _, v := range []float64{r.P50[i], r.P99[i], r.Max[i], r.Messages[i], r.Answered[i]} {
				line = append(line, strconv.FormatFloat(v, 'f', 1, 64))
			}
			lines = append(lines, line)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(csv.NewWriter(f).WriteAll(lines), f.Close())
}

func saveJSON(path string, value any) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
