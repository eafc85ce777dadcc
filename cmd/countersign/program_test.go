package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for what must happen.
const patience = 60 * time.Second

// A program runs beside a script, which reads and answers it as a user does.
type program struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	out, err output
	ended    chan struct{}
	failure  error // of the process, once ended
}

// An output is what a program has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{} // closed when there is more
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.news != nil {
		close(o.news)
		o.news = nil
	}
	return o.text.Write(p)
}

// read gives the text so far, and a channel that is closed when there is more.
func (o *output) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.news == nil {
		o.news = make(chan struct{})
	}
	return o.text.String(), o.news
}

// cmdBegin starts the program under a name: begin NAME ARGUMENT….
func cmdBegin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: begin name argument...")
	}
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if file := filepath.Join(dir, "countersign"); path == "" && exists(file) {
			path = file
		}
	}
	p := &program{ended: make(chan struct{})}
	p.cmd = exec.CommandContext(context.Background(), path, args[1:]...)
	p.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "PATH", "COUNTERSIGN_CONFIG", "COUNTERSIGN_ISSUER", "COUNTERSIGN_LISTEN", "COUNTERSIGN_REDIS__URL"} {
		if value := ts.Getenv(name); value != "" {
			p.cmd.Env = append(p.cmd.Env, name+"="+value)
		}
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	var err error
	p.in, err = p.cmd.StdinPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	go func() {
		p.failure = p.cmd.Wait()
		close(p.ended)
	}()
	programs(ts)[args[0]] = p
	ts.Defer(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
	})
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func programs(ts *testscript.TestScript) map[string]*program {
	return ts.Value("programs").(map[string]*program)
}

func programOf(ts *testscript.TestScript, name string) *program {
	p := programs(ts)[name]
	if p == nil {
		ts.Fatalf("no program %s was begun", name)
	}
	return p
}

// cmdAwait waits until what a program wrote matches: await NAME PATTERN. Named
// groups become variables.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await name pattern")
	}
	p, pattern := programOf(ts, args[0]), regexp.MustCompile("(?m)"+args[1])
	late := time.After(patience)
	for ended := false; ; {
		text, news := p.out.read()
		errs, bad := p.err.read()
		found := pattern.FindStringSubmatch(text)
		if found == nil {
			found = pattern.FindStringSubmatch(errs)
		}
		if found != nil {
			for i, name := range pattern.SubexpNames() {
				if name != "" {
					ts.Setenv(name, found[i])
				}
			}
			return
		}
		select {
		case <-news:
			continue
		case <-bad:
			continue
		case <-p.ended:
			if !ended {
				ended = true // its last words may have come meanwhile
				continue
			}
		case <-late:
		}
		ts.Fatalf("%s never said %s, but:\n%s\n%s", args[0], args[1], text, errs)
	}
}

// cmdAnswer types a line: answer NAME WORD….
func cmdAnswer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: answer name word...")
	}
	_, err := io.WriteString(programOf(ts, args[0]).in, strings.Join(args[1:], " ")+"\n")
	ts.Check(err)
}

// cmdSignal sends a signal: signal NAME INT|TERM|KILL.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill}
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: signal name INT|TERM|KILL")
	}
	ts.Check(programOf(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

// cmdFinish waits for a program's end, which must be a good one or, with !, a
// bad one. NAME.out and NAME.err are what it wrote.
func cmdFinish(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] finish name")
	}
	p := programOf(ts, args[0])
	select {
	case <-p.ended:
	case <-time.After(patience):
		ts.Fatalf("%s does not end", args[0])
	}
	out, _ := p.out.read()
	errs, _ := p.err.read()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(out), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(errs), 0o600))
	var exit *exec.ExitError
	if failed := errors.As(p.failure, &exit); failed != neg {
		ts.Fatalf("%s ended with %v:\n%s\n%s", args[0], p.failure, out, errs)
	}
}
