package api

import (
	"strings"
	"sync"

	"github.com/mileusna/useragent"
)

// browserNames remembers the short forms of User-Agents: taking one apart is a
// sixth of the work of a start, and there are few different ones. The zero value
// is empty.
type browserNames struct {
	mu    sync.Mutex
	short map[string]string
}

// browsersMost bounds what is remembered, to half a megabyte; whoever sends more
// different headers only has them taken apart.
const browsersMost = 1000

// name is the short form of a User-Agent.
func (b *browserNames) name(header string) string {
	if len(header) > maxUserAgent {
		header = header[:maxUserAgent]
	}
	b.mu.Lock()
	short, known := b.short[header]
	b.mu.Unlock()
	if known {
		return short
	}
	short = browser(header)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.short == nil || len(b.short) >= browsersMost {
		b.short = map[string]string{}
	}
	b.short[strings.Clone(header)] = short // not the request's memory with it
	return short
}

// browser is the short form of a User-Agent, such as "Firefox on Linux". It is
// made of names from a table, never of the header's own text.
func browser(header string) string {
	ua := useragent.Parse(header)
	known := []string{useragent.Chrome, useragent.Firefox, useragent.Safari, useragent.Edge, useragent.Opera, useragent.OperaMini,
		useragent.OperaTouch, useragent.Vivaldi, useragent.InternetExplorer, useragent.HeadlessChrome}
	name := "Unknown browser"
	for _, k := range known {
		if ua.Name == k {
			name = k
		}
	}
	for _, os := range []string{useragent.Windows, useragent.Android, useragent.MacOS, useragent.IOS, useragent.Linux, useragent.ChromeOS} {
		if ua.OS == os {
			return name + " on " + os
		}
	}
	return name
}
