package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A fetch is a request of a script, and what of its answer is kept.
type fetch struct {
	ca           trusted
	method, body string
	head         http.Header
	user, secret string
	until        *regexp.Regexp // of an endless stream, the line that matches
	bodyOnly     bool           // without status and head
	address, to  string
}

const usageGet = "usage: [!] get [-ca file] [-post json] [-put json] [-basic id:secret] [-head 'name: value'] [-keep body] [-until pattern] url to"

func parseFetch(ts *testscript.TestScript, args []string) *fetch {
	f := &fetch{method: http.MethodGet, head: http.Header{"Content-Type": {"application/json"}}}
	for len(args) > 2 {
		switch args[0] {
		case "-ca":
			ts.Check(f.ca.Set(ts.MkAbs(args[1])))
		case "-post":
			f.method, f.body = http.MethodPost, args[1]
		case "-put":
			f.method, f.body = http.MethodPut, args[1]
		case "-basic":
			f.user, f.secret, _ = strings.Cut(args[1], ":")
		case "-head":
			name, value, _ := strings.Cut(args[1], ": ")
			f.head.Add(name, value)
		case "-keep":
			f.bodyOnly = args[1] == "body"
		case "-until":
			f.until = regexp.MustCompile(args[1])
		default:
			ts.Fatalf(usageGet)
		}
		args = args[2:]
	}
	if len(args) != 2 {
		ts.Fatalf(usageGet)
	}
	f.address, f.to = args[0], ts.MkAbs(args[1])
	return f
}

// cmdGet fetches a page into a file, its status and head included. With ! it must
// not be got at all; a refusal by status is an answer. Of an endless stream it takes
// the beginning.
func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	f := parseFetch(ts, args)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	client := f.ca.client()
	client.Timeout = time.Minute
	r, err := http.NewRequestWithContext(ctx, f.method, f.address, strings.NewReader(f.body))
	ts.Check(err)
	r.Header = f.head
	if f.user != "" {
		r.SetBasicAuth(f.user, f.secret)
	}
	resp, err := client.Do(r)
	if neg {
		if err == nil {
			resp.Body.Close()
			ts.Fatalf("%s answers %s", f.address, resp.Status)
		}
		ts.Check(os.WriteFile(f.to, []byte(err.Error()+"\n"), 0o600))
		return
	}
	ts.Check(err)
	defer resp.Body.Close()
	text, err := f.keep(resp)
	ts.Check(err)
	ts.Check(os.WriteFile(f.to, text, 0o600))
	if f.until == nil {
		client.CloseIdleConnections()
	}
}

// keep is what is kept of an answer.
func (f *fetch) keep(resp *http.Response) ([]byte, error) {
	if f.bodyOnly {
		return io.ReadAll(resp.Body)
	}
	if f.until == nil {
		var text bytes.Buffer
		err := resp.Write(&text)
		return text.Bytes(), err
	}
	for in := bufio.NewReader(resp.Body); ; {
		line, err := in.ReadString('\n')
		if err != nil || f.until.MatchString(line) {
			return []byte(line), err
		}
	}
}

// cmdTake makes variables of what matches the named groups of a pattern in a file:
// take FILE PATTERN.
func cmdTake(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: take file pattern")
	}
	pattern := regexp.MustCompile("(?m)" + args[1])
	found := pattern.FindStringSubmatch(ts.ReadFile(args[0]))
	if found == nil {
		ts.Fatalf("%s has no %s:\n%s", args[0], args[1], ts.ReadFile(args[0]))
	}
	for i, name := range pattern.SubexpNames() {
		if name != "" {
			ts.Setenv(name, found[i])
		}
	}
}
