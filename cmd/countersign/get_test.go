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

// cmdGet fetches a page into a file, its status and head included: get [-ca FILE]
// [-post JSON] URL TO. With ! it must not be got at all; a refusal by status is an
// answer. Of an endless stream it takes the beginning: -until PATTERN.
func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	var ca trusted
	var body io.Reader = http.NoBody
	var until *regexp.Regexp
	method := http.MethodGet
	for len(args) > 2 {
		switch args[0] {
		case "-ca":
			ts.Check(ca.Set(ts.MkAbs(args[1])))
		case "-post":
			method, body = http.MethodPost, strings.NewReader(args[1])
		case "-until":
			until = regexp.MustCompile(args[1])
		}
		args = args[2:]
	}
	if len(args) != 2 {
		ts.Fatalf("usage: [!] get [-ca file] [-post json] [-until pattern] url to")
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	client := ca.client()
	client.Timeout = time.Minute
	r, err := http.NewRequestWithContext(ctx, method, args[0], body)
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if neg {
		if err == nil {
			resp.Body.Close()
			ts.Fatalf("%s answers %s", args[0], resp.Status)
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(err.Error()+"\n"), 0o600))
		return
	}
	ts.Check(err)
	defer resp.Body.Close()
	if until != nil {
		for in := bufio.NewReader(resp.Body); ; {
			line, err := in.ReadString('\n')
			ts.Check(err)
			if until.MatchString(line) {
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(line), 0o600))
				return
			}
		}
	}
	var text bytes.Buffer
	ts.Check(resp.Write(&text))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text.Bytes(), 0o600))
	client.CloseIdleConnections()
}
