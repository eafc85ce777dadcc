package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	atOnce, logins   int // closed loop
	rate, openLogins int // open loop
	waiting          int
	idle             time.Duration
	runs             int
	floor            string
	json             bool
	timeout          time.Duration
}

func newBench(env *environment) *cobra.Command {
	o := &benchOptions{}
	cmd := &cobra.Command{
		Use: "bench", Short: "measure what a login costs on this machine", Args: cobra.NoArgs,
		Long: `Starts a Redis and two nodes of its own on loopback, with limits and audit on, and drives
whole logins through them: the browser at one node, the phone at the other. It tells the CPU
time of the nodes and of Redis per login, the time from a phone's verify to the browser's
token, and the memory that a waiting browser takes.

Three scenes are measured: logins many at once (-c, -n), logins at a rate (--rate), browsers
that wait (--waiting). With any of -c, --rate or --waiting given, only those. Each run begins
with new processes. Needs redis-server, and Linux for /proc.`,
		Example: "  countersign bench -c 32 -n 20000\n  countersign bench --rate 200 --runs 5\n  countersign bench --waiting 10000",
	}
	f := cmd.Flags()
	f.IntVarP(&o.atOnce, "concurrency", "c", 32, "closed loop: `logins` at once")
	f.IntVarP(&o.logins, "logins", "n", 20000, "closed loop: logins in all")
	f.IntVar(&o.rate, "rate", 200, "open loop: logins a second")
	f.IntVar(&o.openLogins, "rate-logins", 3000, "open loop: logins in all")
	f.IntVar(&o.waiting, "waiting", 10000, "browsers that wait")
	f.DurationVar(&o.idle, "idle", 10*time.Second, "how long they wait while the cost of waiting is measured")
	f.IntVar(&o.runs, "runs", 3, "runs of each scene, whose medians are told")
	f.StringVar(&o.floor, "floor", "", "`program` built from test/floor, measured in turn with our runs")
	f.BoolVar(&o.json, "json", false, "print JSON, with the figures of every run")
	f.DurationVar(&o.timeout, "timeout", 30*time.Minute, "give up after this time")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		chosen := f.Changed("concurrency") || f.Changed("rate") || f.Changed("waiting")
		scenes, err := o.scenes(func(flag string) bool { return !chosen || f.Changed(flag) })
		if err != nil {
			return err
		}
		return o.run(cmd.Context(), env, scenes)
	}
	return cmd
}

// A scene is what can be measured of us and of the floor.
type scene struct {
	name  string
	own   func(context.Context, *benchCluster) (figures, error)
	floor []string // the floor's command and its arguments
}

// Bounds of what the bench takes on: it shares one machine with what it measures.
const (
	maxAtOnce  = 1000
	maxLogins  = 10_000_000
	maxRate    = 100_000
	maxWaiting = 100_000
	openUsers  = 128
	maxRuns    = 100
)

// scenes are those that are wanted.
func (o *benchOptions) scenes(wanted func(flag string) bool) (out []scene, err error) {
	for _, b := range []struct {
		name        string
		value, most int
	}{{"concurrency", o.atOnce, maxAtOnce}, {"logins", o.logins, maxLogins}, {"rate", o.rate, maxRate},
		{"rate-logins", o.openLogins, maxLogins}, {"waiting", o.waiting, maxWaiting}, {"runs", o.runs, maxRuns}} {
		if b.value < 1 || b.value > b.most {
			return nil, failf("--%s must be 1 to %d", b.name, b.most)
		}
	}
	if o.idle <= 0 {
		return nil, failf("--idle must be more than nothing")
	}
	if wanted("concurrency") {
		out = append(out, o.closedLoop())
	}
	if wanted("rate") {
		out = append(out, o.openLoop())
	}
	if wanted("waiting") {
		out = append(out, scene{
			name: fmt.Sprintf("%d waiting browsers", o.waiting),
			own: func(ctx context.Context, c *benchCluster) (figures, error) {
				return measureWaiting(ctx, c, o.waiting, o.idle)
			},
			floor: []string{"wait", "-n", strconv.Itoa(o.waiting)},
		})
	}
	return out, nil
}

func (o *benchOptions) closedLoop() scene {
	return scene{
		name: fmt.Sprintf("%d logins, %d at once", o.logins, o.atOnce),
		own: func(ctx context.Context, c *benchCluster) (figures, error) {
			l, err := newBenchLoad(ctx, c, o.atOnce)
			if err != nil {
				return nil, err
			}
			defer l.close()
			return l.logins(ctx, c, func() { l.closed(ctx, o.logins, o.atOnce) })
		},
		floor: []string{"load", "-n", strconv.Itoa(o.logins), "-c", strconv.Itoa(o.atOnce)},
	}
}

func (o *benchOptions) openLoop() scene {
	return scene{
		name: fmt.Sprintf("%d logins, %d a second", o.openLogins, o.rate),
		own: func(ctx context.Context, c *benchCluster) (figures, error) {
			l, err := newBenchLoad(ctx, c, openUsers)
			if err != nil {
				return nil, err
			}
			defer l.close()
			return l.logins(ctx, c, func() { l.open(ctx, o.openLogins, o.rate) })
		},
		floor: []string{"load", "-n", strconv.Itoa(o.openLogins), "-rate", strconv.Itoa(o.rate)},
	}
}

// run measures the scenes and prints the report.
func (o *benchOptions) run(ctx context.Context, env *environment, scenes []scene) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	report := newBenchReport()
	for _, s := range scenes {
		measured := benchScene{Scene: s.name, Runs: map[string][]figures{}}
		for i := range o.runs {
			fmt.Fprintf(env.Stderr, "%s: run %d of %d\n", s.name, i+1, o.runs)
			if err := o.turn(ctx, env, s, &measured); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		measured.settle()
		report.Scenes = append(report.Scenes, measured)
	}
	if o.json {
		return report.printJSON(env.Stdout)
	}
	return report.print(env.Stdout)
}

// turn is one run of ours and, in the same minute, one of the floor.
func (o *benchOptions) turn(ctx context.Context, env *environment, s scene, into *benchScene) error {
	own, err := ownTurn(ctx, env, s)
	if err != nil {
		return err
	}
	into.Runs[benchSelf] = append(into.Runs[benchSelf], own)
	if o.floor == "" {
		return nil
	}
	floor, err := o.floorTurn(ctx, s)
	if err != nil {
		return err
	}
	into.Runs[benchFloor] = append(into.Runs[benchFloor], floor)
	return nil
}

func ownTurn(ctx context.Context, env *environment, s scene) (figures, error) {
	c, err := startCluster(ctx, env.Environ)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	return s.own(ctx, c)
}

func (o *benchOptions) floorTurn(ctx context.Context, s scene) (figures, error) {
	f, err := startFloor(ctx, o.floor)
	if err != nil {
		return nil, err
	}
	defer f.stop()
	text, err := f.run(ctx, s.floor[0], s.floor[1:]...)
	if err != nil {
		return nil, err
	}
	return parseFloor(text)
}
