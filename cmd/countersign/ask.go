package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errNoAnswer: the user ended the input instead of answering.
var errNoAnswer = errors.New("no answer")

// An asker asks the user, one line at a time. Reading goes on in a goroutine of
// its own, because nothing else can end it when the user presses Ctrl-C.
type asker struct {
	in    io.Reader
	out   io.Writer
	lines chan string
}

func (env *environment) asker() *asker { return &asker{in: env.Stdin, out: env.Stdout} }

// ask prints a question and gives the answer without space around it.
// errNoAnswer at the end of the input.
func (a *asker) ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(a.out, question)
	line, err := a.line(ctx)
	if (err == nil || errors.Is(err, errNoAnswer)) && !isTerminal(a.in) && question != "" {
		fmt.Fprintln(a.out) // nobody pressed Enter
	}
	return strings.TrimSpace(line), err
}

// line gives the next line of the input as it is. errNoAnswer at its end.
func (a *asker) line(ctx context.Context) (string, error) {
	if a.lines == nil {
		a.lines = make(chan string)
		go a.read()
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case line, more := <-a.lines:
		if !more {
			return "", errNoAnswer
		}
		return line, nil
	}
}

func (a *asker) read() {
	defer close(a.lines)
	s := bufio.NewScanner(a.in)
	for s.Scan() {
		a.lines <- s.Text()
	}
}

// agree asks a question of yes or no.
func (a *asker) agree(ctx context.Context, question string) (bool, error) {
	answer, err := a.ask(ctx, question+" [y/N] ")
	if errors.Is(err, errNoAnswer) {
		return false, nil
	}
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), err
}
