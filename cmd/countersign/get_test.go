package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdGet fetches a page into a file, its status and head included: get [-ca FILE]
// URL TO. With ! it must not be got at all; a refusal by status is an answer.
func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	var ca trusted
	if len(args) == 4 && args[0] == "-ca" {
		ts.Check(ca.Set(ts.MkAbs(args[1])))
		args = args[2:]
	}
	if len(args) != 2 {
		ts.Fatalf("usage: [!] get [-ca file] url to")
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	client := ca.client()
	client.Timeout = time.Minute
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], http.NoBody)
	ts.Check(err)
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
	var text bytes.Buffer
	ts.Check(resp.Write(&text))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text.Bytes(), 0o600))
	client.CloseIdleConnections()
}
