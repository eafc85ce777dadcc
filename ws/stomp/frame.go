package stomp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Command is the first line of a frame.
type Command string

// The commands of a client.
const (
	Connect     Command = "CONNECT"
	Stomp       Command = "STOMP" // the same as Connect
	Send        Command = "SEND"
	Subscribe   Command = "SUBSCRIBE"
	Unsubscribe Command = "UNSUBSCRIBE"
	Begin       Command = "BEGIN"
	Commit      Command = "COMMIT"
	Abort       Command = "ABORT"
	Ack         Command = "ACK"
	Nack        Command = "NACK"
	Disconnect  Command = "DISCONNECT"
)

// The commands of a server.
const (
	Connected Command = "CONNECTED"
	Message   Command = "MESSAGE"
	Receipt   Command = "RECEIPT"
	Error     Command = "ERROR"
)

// known says whether there is such a command.
func (c Command) known() bool {
	switch c {
	case Connect, Stomp, Send, Subscribe, Unsubscribe, Begin, Commit, Abort, Ack, Nack, Disconnect, Connected, Message, Receipt, Error:
		return true
	}
	return false
}

// plain says whether the headers are not escaped, as in STOMP 1.0 (Value
// Encoding).
func (c Command) plain() bool { return c == Connect || c == Connected }

// bodied says whether the frame may have a body (Body).
func (c Command) bodied() bool { return c == Send || c == Message || c == Error }

// The headers with a meaning of their own in most frames.
const (
	ContentLength = "content-length"
	ContentType   = "content-type"
)

// EOL between frames is a heart-beat.
const EOL = "\n"

// A Header is one line of a frame, not escaped.
type Header struct{ Name, Value string }

// A Frame is what is sent either way.
type Frame struct {
	Command Command
	Headers []Header
	Body    []byte
}

// New makes a frame; headers are names and values in turn.
func New(c Command, headers ...string) Frame {
	f := Frame{Command: c}
	for pair := range slices.Chunk(headers, 2) {
		f.Headers = append(f.Headers, Header{pair[0], pair[len(pair)-1]})
	}
	return f
}

// Lookup gives a header; the first of several counts (Repeated Header Entries).
func (f Frame) Lookup(name string) (value string, found bool) {
	for _, h := range f.Headers {
		if h.Name == name {
			return h.Value, true
		}
	}
	return "", false
}

// Get gives a header, or nothing.
func (f Frame) Get(name string) string {
	value, _ := f.Lookup(name)
	return value
}

// Append writes the frame to b. A body gets a content-length, unless there is
// one already. What a CONNECT or CONNECTED has must need no escape.
func (f Frame) Append(b []byte) []byte {
	b = append(append(b, f.Command...), '\n')
	for _, h := range f.Headers {
		b = append(f.escape(b, h.Name), ':')
		b = append(f.escape(b, h.Value), '\n')
	}
	if _, given := f.Lookup(ContentLength); !given && len(f.Body) > 0 {
		b = append(b, ContentLength+":"...)
		b = append(strconv.AppendInt(b, int64(len(f.Body)), 10), '\n')
	}
	b = append(append(b, '\n'), f.Body...)
	return append(b, 0)
}

func (f Frame) escape(b []byte, text string) []byte {
	if f.Command.plain() {
		return append(b, text...)
	}
	for i := range len(text) {
		switch c := text[i]; c {
		case '\r':
			b = append(b, `\r`...)
		case '\n':
			b = append(b, `\n`...)
		case ':':
			b = append(b, `\c`...)
		case '\\':
			b = append(b, `\\`...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// ErrFrame says that bytes are no frame; what is wrong comes with it, without
// anything that was sent.
var ErrFrame = errors.New("malformed frame")

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrFrame, what) }

// Parse takes a message apart: any number of frames, with ends of line before,
// between and after them. A message that has none is a heart-beat. With an error
// come the frames before what is wrong. The bodies are parts of message.
func Parse(message []byte) (frames []Frame, err error) {
	for {
		if message = skipEOLs(message); len(message) == 0 {
			return frames, nil
		}
		var f Frame
		if f, message, err = parse(message); err != nil {
			return frames, err
		}
		frames = append(frames, f)
	}
}

// skipEOLs takes off what may stand between frames.
func skipEOLs(b []byte) []byte {
	for {
		rest := bytes.TrimPrefix(b, []byte("\r"))
		if len(rest) == 0 || rest[0] != '\n' {
			return b
		}
		b = rest[1:]
	}
}

// parse takes off the first frame (Augmented BNF).
func parse(b []byte) (f Frame, rest []byte, err error) {
	text, b, err := cutLine(b)
	if err != nil {
		return f, nil, err
	}
	if f.Command = Command(text); !f.Command.known() {
		return f, nil, malformed("unknown command")
	}
	for {
		if text, b, err = cutLine(b); err != nil {
			return f, nil, err
		}
		if text == "" {
			break
		}
		h, err := f.Command.header(text)
		if err != nil {
			return f, nil, err
		}
		f.Headers = append(f.Headers, h)
	}
	f.Body, rest, err = f.body(b)
	return f, rest, err
}

// cutLine takes off a line with its end, which may have a carriage return. The
// grammar lets a header have an octet 0; here it ends the frame, so that two
// readers cannot differ about where that is.
func cutLine(b []byte) (text string, rest []byte, err error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return "", nil, malformed("no end of line")
	}
	raw := bytes.TrimSuffix(b[:end], []byte("\r"))
	switch {
	case bytes.ContainsAny(raw, "\r\x00"):
		return "", nil, malformed("a control character in a header")
	case !utf8.Valid(raw):
		return "", nil, malformed("a header that is not UTF-8")
	}
	return string(raw), b[end+1:], nil
}

// header takes a line apart. Only CONNECT and CONNECTED may have a colon in the
// value as it is.
func (c Command) header(text string) (h Header, err error) {
	name, value, found := strings.Cut(text, ":")
	switch {
	case !found:
		return h, malformed("a header without a colon")
	case name == "":
		return h, malformed("a header without a name")
	case c.plain():
		return Header{name, value}, nil
	case strings.Contains(value, ":"):
		return h, malformed("a colon that is not escaped")
	}
	if h.Name, err = unescape(name); err == nil {
		h.Value, err = unescape(value)
	}
	return h, err
}

// unescape refuses escapes that there are not (Value Encoding).
func unescape(text string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b = append(b, text[i])
			continue
		}
		if i++; i == len(text) {
			return "", malformed("an escape without an end")
		}
		switch text[i] {
		case 'r':
			b = append(b, '\r')
		case 'n':
			b = append(b, '\n')
		case 'c':
			b = append(b, ':')
		case '\\':
			b = append(b, '\\')
		default:
			return "", malformed("an unknown escape")
		}
	}
	return string(b), nil
}

// body takes off the body and the octet 0 after it. With a content-length the
// body has as many octets, whatever they are (Header content-length).
func (f Frame) body(b []byte) (body, rest []byte, err error) {
	end := bytes.IndexByte(b, 0)
	if text, given := f.Lookup(ContentLength); given {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return nil, nil, malformed("a content-length that is no number")
		}
		if end = int(n); end >= len(b) || b[end] != 0 {
			return nil, nil, malformed("another length than content-length says")
		}
	}
	switch {
	case end < 0:
		return nil, nil, malformed("no end of frame")
	case end > 0 && !f.Command.bodied():
		return nil, nil, malformed("a body where there may be none")
	}
	return b[:end:end], b[end+1:], nil
}
