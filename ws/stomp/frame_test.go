package stomp

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSpecification reads the frames that the specification shows, ^@ being the
// octet 0, and writes them again.
func TestSpecification(t *testing.T) {
	for text, want := range map[string]Frame{
		"CONNECT\naccept-version:1.2\nhost:stomp.github.org\n\n^@": New(Connect, "accept-version", "1.2", "host", "stomp.github.org"),
		"STOMP\naccept-version:1.0,1.1,2.0\nhost:stomp.github.org\n\n^@": New(Stomp, "accept-version", "1.0,1.1,2.0",
			"host", "stomp.github.org"),
		"CONNECTED\nversion:1.2\n\n^@": New(Connected, "version", "1.2"),
		"ERROR\nversion:1.2,2.1\ncontent-type:text/plain\n\nSupported protocol versions are 1.2 2.1^@": bodied(
			New(Error, "version", "1.2,2.1", "content-type", "text/plain"), "Supported protocol versions are 1.2 2.1"),
		"SEND\ndestination:/queue/a\ncontent-type:text/plain\n\nhello queue a\n^@": bodied(
			New(Send, "destination", "/queue/a", "content-type", "text/plain"), "hello queue a\n"),
		"SUBSCRIBE\nid:0\ndestination:/queue/foo\nack:client\n\n^@": New(Subscribe, "id", "0", "destination", "/queue/foo", "ack", "client"),
		"UNSUBSCRIBE\nid:0\n\n^@":                                   New(Unsubscribe, "id", "0"),
		"ACK\nid:12345\ntransaction:tx1\n\n^@":                      New(Ack, "id", "12345", "transaction", "tx1"),
		"BEGIN\ntransaction:tx1\n\n^@":                              New(Begin, "transaction", "tx1"),
		"COMMIT\ntransaction:tx1\n\n^@":                             New(Commit, "transaction", "tx1"),
		"ABORT\ntransaction:tx1\n\n^@":                              New(Abort, "transaction", "tx1"),
		"DISCONNECT\nreceipt:77\n\n^@":                              New(Disconnect, "receipt", "77"),
		"RECEIPT\nreceipt-id:77\n\n^@":                              New(Receipt, "receipt-id", "77"),
		"MESSAGE\nsubscription:0\nmessage-id:007\ndestination:/queue/a\ncontent-type:text/plain\n\nhello queue a^@": bodied(
			New(Message, "subscription", "0", "message-id", "007", "destination", "/queue/a", "content-type", "text/plain"), "hello queue a"),
		// Padding is part of the value.
		"ERROR\nmessage: malformed frame received\n\n^@": New(Error, "message", " malformed frame received"),
	} {
		got := one(t, text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		again := string(got.Append(nil))
		if _, length := got.Lookup(ContentLength); !length && len(got.Body) > 0 {
			want := strings.Replace(wire(text), "\n\n", "\ncontent-length:"+itoa(len(got.Body))+"\n\n", 1)
			if again != want {
				t.Errorf("written as %q, want %q", again, want)
			}
		} else if again != wire(text) {
			t.Errorf("written as %q, want %q", again, wire(text))
		}
	}
}

// wire makes the octet 0 of what documents write for it.
func wire(text string) string { return strings.ReplaceAll(text, "^@", "\x00") }

func bodied(f Frame, body string) Frame {
	f.Body = []byte(body)
	return f
}

func itoa(n int) string { return string(rune('0'+n/10)) + string(rune('0'+n%10)) }

// one reads a message of one frame.
func one(t *testing.T, text string) Frame {
	t.Helper()
	frames, err := Parse([]byte(wire(text)))
	if err != nil || len(frames) != 1 {
		t.Fatalf("%q: %d frames, %v", text, len(frames), err)
	}
	if len(frames[0].Body) == 0 {
		frames[0].Body = nil
	}
	return frames[0]
}

// TestForms are what the specification allows besides its examples.
func TestForms(t *testing.T) {
	for text, want := range map[string]Frame{
		"SUBSCRIBE\r\nid:0\r\ndestination:a\r\n\r\n^@\r\n\n": New(Subscribe, "id", "0", "destination", "a"),
		"\n\r\n\nDISCONNECT\n\n^@":                           New(Disconnect),
		`SEND` + "\n" + `a\cb:\\\r\n\c` + "\n\n^@":           New(Send, "a:b", "\\\r\n:"),
		"MESSAGE\nfoo:World\nfoo:Hello\n\n^@":                New(Message, "foo", "World", "foo", "Hello"),
		"SEND\nempty:\n\n^@":                                 New(Send, "empty", ""),
		"SEND\nname with blanks : value \n\n^@":              New(Send, "name with blanks ", " value "),
		"SEND\nž:ž\n\nž^@":                                   bodied(New(Send, "ž", "ž"), "ž"),
		"SEND\ncontent-length:5\n\na\x00b\x00c^@\n":          bodied(New(Send, "content-length", "5"), "a\x00b\x00c"),
		"SEND\ncontent-length:0\n\n^@":                       New(Send, "content-length", "0"),
		"DISCONNECT\ncontent-length:0\n\n^@":                 New(Disconnect, "content-length", "0"),
		// STOMP 1.0 escaped nothing, and CONNECT must be read by its servers.
		`CONNECT` + "\n" + `host:a:1\t\c` + "\n\n^@": New(Connect, "host", `a:1\t\c`),
	} {
		if diff := cmp.Diff(want, one(t, text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	if f := New(Message, "foo", "World", "foo", "Hello"); f.Get("foo") != "World" || f.Get("bar") != "" {
		t.Error("the first of a header does not count")
	}
	escaped := New(Send, "a:b", "\\\r\n:c")
	if got, want := string(escaped.Append(nil)), wire(`SEND`+"\n"+`a\cb:\\\r\n\cc`+"\n\n^@"); got != want {
		t.Errorf("written as %q, want %q", got, want)
	}
}

// A message may hold several frames, or none, which is a heart-beat.
func TestMessages(t *testing.T) {
	for _, beat := range []string{"", "\n", "\r\n", "\n\n\r\n"} {
		if frames, err := Parse([]byte(beat)); err != nil || len(frames) != 0 {
			t.Errorf("%q: %v, %v", beat, frames, err)
		}
	}
	frames, err := Parse([]byte(wire("SEND\n\none^@\nSEND\n\ntwo^@DISCONNECT\n\n^@\nNONSENSE\n\n^@")))
	if !errors.Is(err, ErrFrame) || len(frames) != 3 || string(frames[0].Body) != "one" || string(frames[1].Body) != "two" || frames[2].Command != Disconnect {
		t.Errorf("%v, %v", frames, err)
	}
}

func TestMalformed(t *testing.T) {
	for text, why := range map[string]string{
		"PUSH\n\n^@":                         "a command that there is not",
		"send\n\n^@":                         "commands are case-sensitive",
		" SEND\n\n^@":                        "a blank before it",
		"SEND":                               "no line",
		"SEND\n":                             "no end of the headers",
		"SEND\n\n":                           "no end of the frame",
		"SEND\n\nbody":                       "nor after a body",
		"SEND\n^@":                           "ended within the headers",
		"SEND\na\n\n^@":                      "no colon",
		"SEND\n:a\n\n^@":                     "no name",
		"SEND\na:b:c\n\n^@":                  "a colon as it is",
		"SEND\na:b\rc\n\n^@":                 "a carriage return as it is",
		"SEND\na:b^@\n\n^@":                  "octet 0 in a header",
		"SEND\na:\xff\n\n^@":                 "not UTF-8",
		"SEND\n" + `a:\t` + "\n\n^@":         "an escape that there is not",
		"SEND\n" + `a:\` + "\n\n^@":          "an escape without an end",
		"SEND\n" + `\x:a` + "\n\n^@":         "nor in a name",
		"SUBSCRIBE\nid:0\n\nbody^@":          "a body where there may be none",
		"CONNECT\n\nbody^@":                  "nor here",
		"SEND\ncontent-length:3\n\nbody^@":   "longer than it says",
		"SEND\ncontent-length:5\n\nbody^@":   "shorter than it says",
		"SEND\ncontent-length:99\n\nbody^@":  "much shorter",
		"SEND\ncontent-length:-1\n\nbody^@":  "no length",
		"SEND\ncontent-length: 4\n\nbody^@":  "nor with a blank",
		"SEND\ncontent-length:\n\nbody^@":    "nor without digits",
		"SEND\ncontent-length:4\n\nbody":     "no end after the length",
		"SEND\ncontent-length:1e2\n\nbody^@": "nor this",
		"SEND\ncontent-length:99999999999999999999\n\nbody^@": "nor one that does not fit",
		"\r":                 "half an end of line",
		"\rSEND\n\n^@":       "nor before a frame",
		"SEND\n\n^@trailing": "something after it",
	} {
		_, err := Parse([]byte(wire(text)))
		if !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %q gives %v", why, text, err)
		}
	}
}

func TestHeartBeat(t *testing.T) {
	for text, want := range map[string]HeartBeat{
		"0,0": {}, "20000,10000": {20 * time.Second, 10 * time.Second}, "1,0": {time.Millisecond, 0},
		"9223372036854775807,0": {longestBeat, 0},
	} {
		got, err := ParseHeartBeat(text, true)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ",", "1", "1,", ",1", "-1,1", "1,x", "1, 1", "1,1,1", "99999999999999999999,1"} {
		if got, err := ParseHeartBeat(text, true); !errors.Is(err, ErrFrame) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if got, err := ParseHeartBeat("", false); err != nil || got != (HeartBeat{}) {
		t.Errorf("absent: %+v, %v", got, err)
	}
	ours := HeartBeat{Send: 20 * time.Second, Want: 20 * time.Second}
	if ours.String() != "20000,20000" {
		t.Error(ours.String())
	}
	for _, c := range []struct {
		peer       HeartBeat
		send, hear time.Duration
	}{
		{HeartBeat{}, 0, 0},
		{HeartBeat{Send: time.Second, Want: time.Second}, 20 * time.Second, 20 * time.Second},
		{HeartBeat{Send: time.Minute}, 0, time.Minute},
		{HeartBeat{Want: time.Minute}, time.Minute, 0},
	} {
		if send, hear := ours.Agree(c.peer); send != c.send || hear != c.hear {
			t.Errorf("%v: %v, %v", c.peer, send, hear)
		}
	}
	if send, hear := (HeartBeat{}).Agree(ours); send != 0 || hear != 0 {
		t.Error("agreed on what was not offered")
	}
}

// Whatever is read means the same once it was written again, and nothing that is
// read is longer than what it was read from.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"CONNECT\naccept-version:1.2\nhost:a:b\n\n^@", "SEND\ndestination:/app/registration\ncontent-length:2\n\n{}^@\n",
		`SUBSCRIBE` + "\r\n" + `id:\c\\\n\r` + "\r\n\r\n^@\r\n", "\n", "DISCONNECT\nreceipt:77\n\n^@DISCONNECT\n\n^@", "ERROR\nmessage:x\n\na\nb^@",
	} {
		f.Add([]byte(wire(text)))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		frames, err := Parse(message)
		if err != nil && !errors.Is(err, ErrFrame) {
			t.Fatalf("another error: %v", err)
		}
		var written []byte
		size := 0
		for _, x := range frames {
			size += len(x.Body)
			for _, h := range x.Headers {
				size += len(h.Name) + len(h.Value)
			}
			written = append(x.Append(written), EOL...)
		}
		if size > len(message) {
			t.Fatalf("%d octets read of %d", size, len(message))
		}
		again, err := Parse(written)
		if err != nil || len(again) != len(frames) {
			t.Fatalf("%q written as %q: %d frames of %d, %v", message, written, len(again), len(frames), err)
		}
		for i, x := range frames {
			if y := again[i]; x.Command != y.Command || string(x.Body) != string(y.Body) || len(y.Headers) < len(x.Headers) ||
				!cmp.Equal(x.Headers, y.Headers[:len(x.Headers)]) && len(x.Headers) > 0 {
				t.Fatalf("%+v read as %+v", x, y)
			}
		}
	})
}
