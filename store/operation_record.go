package store

import (
	"countersign/device"
	"countersign/operation"
	"countersign/session"
)

// operationSchema is the version of the layout below. A node reads its own and
// the one before, so that two versions run side by side during a rollout.
const operationSchema = 1

// writeOperation writes an operation but for its id and version, which its key
// and head have.
func writeOperation(o operation.Operation) []byte {
	w := &writer{b: make([]byte, 0, 512)}
	w.uint(operationSchema)
	w.string(o.Name)
	w.string(o.Service)
	w.bytes(o.Browser)
	w.time(o.CreatedAt)
	w.time(o.ExpiresAt)
	w.string(string(o.Result))
	w.string(string(o.Step))
	w.string(string(o.Subject))
	strs(w, o.Scopes)
	w.string(string(o.Session))
	w.count(o.Sessions)
	w.string(o.Finish)
	writeApproval(w, o.Approval)
	w.bool(o.Spent)
	return w.b
}

// readOperation is the inverse of writeOperation.
func readOperation(b []byte) (o operation.Operation, err error) {
	r := &reader{b: b}
	if r.uint() != operationSchema {
		return o, errRecord
	}
	o.Name = r.string()
	o.Service = r.string()
	o.Browser = r.bytes()
	o.CreatedAt = r.time()
	o.ExpiresAt = r.time()
	o.Result = operation.Result(r.string())
	o.Step = operation.Step(r.string())
	o.Subject = device.TokenID(r.string())
	o.Scopes = readStrings[device.Scope](r)
	o.Session = session.ID(r.string())
	o.Sessions = int(r.uint())
	o.Finish = r.string()
	o.Approval = readApproval(r)
	o.Spent = r.bool()
	return o, r.end()
}

func writeApproval(w *writer, a *operation.Approval) {
	w.bool(a != nil)
	if a == nil {
		return
	}
	w.string(string(a.Token))
	w.string(string(a.Device))
	w.strings(a.AMR)
	w.string(a.ACR)
	w.time(a.At)
	strs(w, a.Scopes)
	encodeClaims(w, a.Claims)
}

func readApproval(r *reader) *operation.Approval {
	if !r.bool() {
		return nil
	}
	return &operation.Approval{Token: device.TokenID(r.string()), Device: device.ID(r.string()), AMR: readStrings[string](r),
		ACR: r.string(), At: r.time(), Scopes: readStrings[device.Scope](r), Claims: decodeClaims(r)}
}
