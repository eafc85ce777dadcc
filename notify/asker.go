package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// The bounds of an [Asker].
const (
	askWithin   = 500 * time.Millisecond // for all of it: the turn, the connection, the answer
	askedAtOnce = 32
	answerMost  = 1 << 10
	failedMost  = 5 // in a row; then nothing is asked for a pause
	askPause    = 10 * time.Second
)

// An Asker asks another server something that a request waits for, so it takes half
// a second at most. After five failures in a row it fails at once for ten seconds,
// and then tries with one question: a server that hangs costs nobody more. What is
// set is set before it is used.
type Asker struct {
	URL    string
	Secret []byte
	HTTP   *http.Client // as [Client] makes it
	// Check says what is wrong with an answer; that counts as a failure.
	Check func(answer []byte) error
	Log   *slog.Logger
	Now   func() time.Time

	mu     sync.Mutex
	flying map[string]*flight
	failed int
	paused time.Time // until when nothing is asked
	slots  chan struct{}
}

// A flight is a question that is being asked.
type flight struct {
	done   chan struct{}
	answer []byte
	err    error
}

var (
	errPaused = errors.New("it has failed too often just now")
	errBusy   = errors.New("too many questions are being asked")
	errAnswer = errors.New("its answer is not of the form")
)

// Ask posts a question, and gives the answer. Whoever asks the same, by its id, while
// it is asked waits for that answer.
func (a *Asker) Ask(id string, body []byte) ([]byte, error) {
	a.mu.Lock()
	if f := a.flying[id]; f != nil {
		a.mu.Unlock()
		<-f.done
		return f.answer, f.err
	}
	if !a.mayAsk() {
		a.mu.Unlock()
		return nil, errPaused
	}
	f := &flight{done: make(chan struct{})}
	a.flying[id] = f
	a.mu.Unlock()

	f.answer, f.err = a.ask(id, body)
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.flying, id)
	close(f.done)
	a.count(f.err)
	return f.answer, f.err
}

// mayAsk also makes what has to be there before the first question.
func (a *Asker) mayAsk() bool {
	if a.flying == nil {
		a.flying, a.slots = map[string]*flight{}, make(chan struct{}, askedAtOnce)
	}
	if a.failed < failedMost {
		return true
	}
	now := time.Now()
	if now.Before(a.paused) {
		return false
	}
	a.paused = now.Add(askPause) // for all others: this one tries
	return true
}

// count takes an outcome into account. That there was no turn says nothing of the
// other side.
func (a *Asker) count(err error) {
	switch {
	case err == nil:
		a.failed = 0
	case !errors.Is(err, errBusy):
		if a.failed++; a.failed >= failedMost {
			a.paused = time.Now().Add(askPause)
		}
	}
}

// ask does it. What goes wrong is logged as [cause] has it, without what the other
// side sent.
func (a *Asker) ask(id string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
	}
	if late, _ := ctx.Deadline(); time.Until(late) <= 0 {
		return nil, errBusy
	}
	answer, err := a.post(ctx, id, body)
	if err != nil {
		a.Log.WarnContext(ctx, "a question was not answered", "id", id, "cause", Cause(err))
		return nil, err
	}
	return answer, nil
}

func (a *Asker) post(ctx context.Context, id string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = Sign(a.Secret, id, a.Now(), body)
	r.Header.Set("Content-Type", "application/json")
	resp, err := a.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerMost+1))
	if err == nil && (len(answer) > answerMost || a.Check(answer) != nil) {
		err = errAnswer
	}
	return answer, err
}
