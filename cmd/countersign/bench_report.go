package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// A metric is one thing that is measured; its text is its name in JSON.
type metric string

// The metrics, in the order of the table.
const (
	cpuPerLogin      metric = "cpuPerLogin_us"
	cpuNodeA         metric = "cpuNodeA_us"
	cpuNodeB         metric = "cpuNodeB_us"
	cpuRedis         metric = "cpuRedis_us"
	redisReads       metric = "redisReads"
	pushP50          metric = "verifyToApproved_p50_us"
	pushP99          metric = "verifyToApproved_p99_us"
	wholeP50         metric = "login_p50_us"
	wholeP99         metric = "login_p99_us"
	loginsPerSecond  metric = "logins_per_s"
	memoryPerBrowser metric = "memoryPerBrowser_KB"
	memoryLater      metric = "memoryPerBrowserLater_KB"
	memoryRedis      metric = "redisMemoryPerBrowser_KB"
	memoryBase       metric = "memoryBase_MB"
	idleNodeA        metric = "idleNode_percent"
	idleRedis        metric = "idleRedis_percent"
)

// metrics says what each is and how exactly it is shown.
var metrics = []struct {
	name   metric
	text   string
	digits int
}{
	{cpuPerLogin, "CPU per login, nodes and Redis, µs", 0},
	{cpuNodeA, "… of node A (browser), µs", 0},
	{cpuNodeB, "… of node B (phone), µs", 0},
	{cpuRedis, "… of Redis, µs", 0},
	{redisReads, "Redis reads per login", 2},
	{pushP50, "verify sent → approved received, p50, µs", 0},
	{pushP99, "verify sent → approved received, p99, µs", 0},
	{wholeP50, "whole login, p50, µs", 0},
	{wholeP99, "whole login, p99, µs", 0},
	{loginsPerSecond, "logins per second", 0},
	{memoryPerBrowser, "node's memory per waiting browser, KB", 2},
	{memoryLater, "… after waiting for a while, KB", 2},
	{memoryRedis, "Redis' memory per waiting browser, KB", 2},
	{memoryBase, "node's memory before, MB", 1},
	{idleNodeA, "node's CPU while they wait, % of one", 1},
	{idleRedis, "Redis' CPU while they wait, % of one", 1},
}

// figures are what one run measured.
type figures map[metric]float64

// Who was measured.
const (
	benchSelf  = "countersign"
	benchFloor = "floor"
)

// A benchScene is what was measured: one table.
type benchScene struct {
	Scene string `json:"scene"`
	// Runs has, for each of countersign and floor, the figures run by run.
	Runs map[string][]figures `json:"runs"`
	// Medians of the runs.
	Medians map[string]figures `json:"medians"`
}

// A benchReport is everything, as --json prints it.
type benchReport struct {
	Version string       `json:"version"`
	Go      string       `json:"go"`
	System  string       `json:"system"`
	CPUs    int          `json:"cpus"`
	Scenes  []benchScene `json:"scenes"`
}

func newBenchReport() benchReport {
	return benchReport{Version: release(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU()}
}

// settle works the medians out.
func (s *benchScene) settle() {
	s.Medians = map[string]figures{}
	for who, runs := range s.Runs {
		s.Medians[who] = figures{}
		for _, m := range metrics {
			if values := column(runs, m.name); len(values) > 0 {
				s.Medians[who][m.name] = median(values)
			}
		}
	}
}

// column is one metric of all runs, sorted.
func column(runs []figures, m metric) []float64 {
	var out []float64
	for _, f := range runs {
		if v, ok := f[m]; ok {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// median of sorted values.
func median(v []float64) float64 {
	mid := len(v) / 2
	if len(v)%2 == 1 {
		return v[mid]
	}
	return (v[mid-1] + v[mid]) / 2
}

// print writes the tables.
func (r benchReport) print(w io.Writer) error {
	for _, s := range r.Scenes {
		if err := s.print(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "countersign %s, %s, %s, %d processors\n", r.Version, r.Go, r.System, r.CPUs)
	return err
}

func (s benchScene) print(w io.Writer) error {
	own, floor := s.Runs[benchSelf], s.Runs[benchFloor]
	fmt.Fprintf(w, "%s; runs: %d\n", s.Scene, len(own))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	header := "median\tleast\tmost\t"
	if len(floor) > 0 {
		header += "floor\tratio\t"
	}
	fmt.Fprintln(t, "\t"+header)
	for _, m := range metrics {
		values := column(own, m.name)
		if len(values) == 0 {
			continue
		}
		cells := []string{m.text, number(median(values), m.digits), number(values[0], m.digits), number(values[len(values)-1], m.digits)}
		if base := column(floor, m.name); len(base) > 0 {
			cells = append(cells, number(median(base), m.digits), ratio(median(values), median(base)))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t")+"\t")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

func number(v float64, digits int) string { return fmt.Sprintf("%.*f", digits, v) }

func ratio(own, floor float64) string {
	if floor == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f×", own/floor)
}

// printJSON writes the report for programs.
func (r benchReport) printJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
