package store

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A batcher sends what many requests ask of Redis at the same time in one trip.
// It waits for nobody: what has come by the time a worker is free goes along.
// Under load that saves most of the system calls on both sides; alone, a request
// pays one hand-over between goroutines.
type batcher struct {
	db   redis.UniversalClient
	jobs chan batchJob
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// A batchJob is the commands of one request. Once done is told, nobody but the
// caller touches them; a caller that gives up before must not.
type batchJob struct {
	cmds []redis.Cmder
	done chan<- struct{}
}

const (
	batchWorkers = 2
	batchMost    = 64   // requests in one trip
	batchQueue   = 4096 // requests that wait for a worker
	// patience is how long a request waits for its answer, the queue included.
	patience = 900 * time.Millisecond
)

func newBatcher(db redis.UniversalClient) *batcher {
	ctx, stop := context.WithCancel(context.Background())
	b := &batcher{db: db, jobs: make(chan batchJob, batchQueue), stop: stop}
	for range batchWorkers {
		b.wg.Go(func() { b.work(ctx) })
	}
	return b
}

// close ends the workers.
func (b *batcher) close() {
	b.stop()
	b.wg.Wait()
}

// do sends commands along with others and waits for their answers. After an
// error the commands may still be on their way and must not be looked at.
func (b *batcher) do(ctx context.Context, cmds []redis.Cmder) error {
	done := make(chan struct{}, 1)
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case b.jobs <- batchJob{cmds, done}:
	case <-late.C:
		return context.DeadlineExceeded
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return context.DeadlineExceeded
	}
}

func (b *batcher) work(ctx context.Context) {
	var jobs []batchJob
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-b.jobs:
			jobs = b.gather(append(jobs[:0], j))
		}
		b.send(ctx, jobs)
		clear(jobs) // what was sent must not be kept alive
	}
}

// gather takes what else waits already.
func (b *batcher) gather(jobs []batchJob) []batchJob {
	for len(jobs) < batchMost {
		select {
		case j := <-b.jobs:
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

func (b *batcher) send(ctx context.Context, jobs []batchJob) {
	pipe := b.db.Pipeline()
	for _, j := range jobs {
		for _, cmd := range j.cmds {
			_ = pipe.Process(ctx, cmd) // it only queues
		}
	}
	// Each command has its own error.
	_, _ = pipe.Exec(ctx)
	for _, j := range jobs {
		j.done <- struct{}{}
	}
}
