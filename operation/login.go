package operation

import (
	"crypto/sha256"
	"strings"

	"countersign/device"
	"countersign/session"
)

// Login is the operation by which a user logs in at a service.
const Login = "login"

// sessionsMost is how many sessions one operation may start. Each lets three
// codes be tried.
const sessionsMost = 5

// The texts of a login.
const (
	labelByName    Text = "byName"
	labelByPhone   Text = "byPhone"
	nameMissing    Text = "nameMissing"
	triedTooOften  Text = "triedTooOften"
	notOfferedHere Text = "wayClosed"
)

// userMost is how long a name may be, in bytes. None of ours is longer; a longer
// one is a mistake that the page tells.
const userMost = 256

// start lets the step that is due begin. What it changes is in the plan.
func (v view) start(m Message) plan {
	switch m.Method {
	case ByName:
		return v.identify(m)
	case ByPhone:
		return v.phone(m)
	}
	return plan{answer: refused(m, OutOfStep)}
}

// identify takes the name of who logs in: in the step of that name, and after
// it, because the name may have been another's. It does not look whether there
// is anybody of that name, so nobody learns it here. A name of another form
// than ours becomes one that nobody has.
func (v view) identify(m Message) plan {
	user := strings.TrimSpace(m.User)
	if user == "" || len(user) > userMost {
		return plan{answer: v.failure(m, nameMissing)}
	}
	next := v.o
	next.Step, next.Subject, next.Session = Device, device.TokenID(user).Canonical(), ""
	answer := view{o: next, scans: v.scans}.init(m)
	return plan{next: &next, give: v.running(), by: session.ByReplaced, answer: answer}
}

// phone asks for a session.
func (v view) phone(m Message) plan {
	switch {
	case !isBase64(m.Challenge, sha256.Size):
		return plan{answer: refused(m, Malformed)}
	case !m.Scan && v.o.Step == Identify:
		return plan{answer: refused(m, OutOfStep)} // nobody is named yet
	case anybody(v.o, m) && !v.scans:
		return plan{answer: v.failure(m, notOfferedHere)}
	case v.remaining() == 0:
		return v.fail(m, causeTooMany, triedTooOften)
	}
	next := v.o
	next.Step = Device
	next.Sessions++
	return plan{next: &next, give: v.running(), by: session.ByReplaced, session: true}
}

// anybody says whether a session is for whoever scans it: on demand, and where
// that was chosen before and nobody is named.
func anybody(o Operation, m Message) bool { return m.Scan || o.Subject == "" }

// ways are the methods offered now, the most fitting first.
func (v view) ways() []Way {
	name, phone := Way{ByName, labelByName}, Way{ByPhone, labelByPhone}
	switch {
	case v.o.Step == Device:
		return []Way{phone, name}
	case v.scans:
		return []Way{name, phone}
	}
	return []Way{name}
}
