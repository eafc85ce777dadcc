package inspector

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"sync"
	"time"

	"countersign/audit"
)

// What is kept.
const (
	ringLength  = 2000     // entries
	bodyLength  = 16 << 10 // bytes of each body and of each frame
	manySession = 16       // sessions that one entry is shown with
)

// An Inspector keeps and shows what it is told. It is made by [New]; a nil one
// records nothing.
type Inspector struct {
	now func() time.Time
	run string // tells the numbers of this run from those of another

	mu      sync.Mutex
	ring    []kept        // full: the oldest is at last % ringLength
	last    uint64        // number of the newest entry; the first is 1
	changed chan struct{} // closed at the next entry
}

// kept is an entry as readers get it.
type kept struct {
	number uint64
	json   []byte
}

// New makes an inspector that has seen nothing yet.
func New() *Inspector {
	return &Inspector{now: time.Now, run: rand.Text()[:8], changed: make(chan struct{})}
}

// The kinds of entries; each has a member of the same name.
const (
	kindRequest = "request"
	kindMessage = "message"
	kindDevice  = "device"
	kindEvent   = "event"
	kindSigned  = "signed"
	kindClosed  = "closed"
)

// An entry is one thing that happened, as the page gets it. At is when it began,
// in UTC to the microsecond: a request is recorded when it is answered, and
// belongs before what came of it.
type entry struct {
	ID       uint64   `json:"id"`
	At       string   `json:"at"`
	Kind     string   `json:"kind"`
	Sessions []string `json:"sessions,omitempty"` // that it has to do with

	Request *exchange     `json:"request,omitempty"`
	Message *message      `json:"message,omitempty"`
	Device  *deviceFrame  `json:"device,omitempty"`
	Event   *auditEvent   `json:"event,omitempty"`
	Signed  *signedText   `json:"signed,omitempty"`
	Closed  *closedStream `json:"closed,omitempty"`
}

// text is a body or a frame, cut at bodyLength.
type text struct {
	Text string `json:"text"`
	Cut  bool   `json:"cut,omitempty"`
}

type message struct {
	Session string `json:"session"`
	ID      int    `json:"id"`
	Frame   text   `json:"frame"`
}

type deviceFrame struct {
	Token  string `json:"token"`
	Device string `json:"device"`
	Frame  text   `json:"frame"`
}

type auditEvent struct {
	Kind    string `json:"kind"`
	Time    string `json:"time"` // by the store's clock
	Session string `json:"session,omitempty"`
	Service string `json:"service,omitempty"`
	Token   string `json:"token,omitempty"`
	Device  string `json:"device,omitempty"`
	Address string `json:"address,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

type signedText struct {
	Bytes  []byte `json:"bytes"` // standard base64 in JSON
	SHA256 string `json:"sha256"`
	Good   bool   `json:"good"`
}

// Message tells of a message of a session that a watcher is about to get, by
// whichever way it watches. The frame is not kept hold of.
func (i *Inspector) Message(sessionID string, id int, frame []byte) {
	if i == nil {
		return
	}
	i.add(i.now(), entry{Kind: kindMessage, Sessions: []string{sessionID},
		Message: &message{Session: sessionID, ID: id, Frame: cut(frame)}})
}

// Device tells of a frame to a phone's socket. The frame is not kept hold of.
func (i *Inspector) Device(tokenID, deviceID string, frame []byte) {
	if i == nil {
		return
	}
	i.add(i.now(), entry{Kind: kindDevice, Sessions: sessionsIn(frame), Device: &deviceFrame{Token: tokenID, Device: deviceID, Frame: cut(frame)}})
}

// Signed tells of a text whose signature was checked: the bytes as this server
// put them together, and whether the signature fits them.
func (i *Inspector) Signed(signed []byte, good bool) {
	if i == nil {
		return
	}
	sum := sha256.Sum256(signed)
	i.add(i.now(), entry{Kind: kindSigned, Sessions: sessionsIn(signed),
		Signed: &signedText{Bytes: slices.Clone(signed), SHA256: hex.EncodeToString(sum[:]), Good: good}})
}

// Record implements [audit.Recorder]; it never fails.
func (i *Inspector) Record(_ context.Context, e audit.Event) error {
	if i == nil {
		return nil
	}
	shown := entry{Kind: kindEvent, Event: &auditEvent{Kind: string(e.Kind), Time: e.Time.UTC().Format(time.RFC3339Nano), Session: e.Session,
		Service: e.Service, Token: e.Token, Device: e.Device, Address: e.Address, Detail: e.Detail}}
	if e.Session != "" {
		shown.Sessions = []string{e.Session}
	}
	i.add(i.now(), shown)
	return nil
}

// add puts an entry into the ring, in place of the oldest if it is full, and
// wakes the readers.
func (i *Inspector) add(at time.Time, e entry) {
	e.At = at.UTC().Format("2006-01-02T15:04:05.000000Z")
	i.mu.Lock()
	defer i.mu.Unlock()
	e.ID = i.last + 1
	b, err := json.Marshal(e)
	if err != nil { // strings, numbers and times: it cannot be
		return
	}
	i.last++
	if k := (kept{i.last, b}); len(i.ring) < ringLength {
		i.ring = append(i.ring, k)
	} else {
		i.ring[(i.last-1)%ringLength] = k
	}
	close(i.changed)
	i.changed = make(chan struct{})
}

// after gives up to most entries that are newer than number, how many newer ones
// are no longer kept, and what is closed when there are others.
func (i *Inspector) after(number uint64, most int) (entries []kept, missed uint64, changed <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if oldest := i.last - uint64(len(i.ring)); number < oldest {
		number, missed = oldest, oldest-number
	}
	for n := number + 1; n <= i.last && len(entries) < most; n++ {
		entries = append(entries, i.ring[(n-1)%ringLength])
	}
	return entries, missed, i.changed
}

// cut makes text of bytes.
func cut(b []byte) text {
	if len(b) > bodyLength {
		return text{Text: string(b[:bodyLength]), Cut: true}
	}
	return text{Text: string(b)}
}

var sessionForm = regexp.MustCompile(`sess_[A-Za-z0-9_-]{22}`)

// sessionsIn finds the sessions that texts name, each once.
func sessionsIn(texts ...[]byte) (ids []string) {
	for _, t := range texts {
		for _, id := range sessionForm.FindAll(t, manySession) {
			if s := string(id); len(ids) < manySession && !slices.Contains(ids, s) {
				ids = append(ids, s)
			}
		}
	}
	return ids
}
