package store

import (
	"countersign/device"
	"countersign/operation"
	"countersign/session"
)

// operationSchema is the version of the layout below. A node reads its own and
// the one before, so that two versions run side by side during a rollout; the
// one before knew no methods but those of names, phones and reviews.
const (
	operationSchema      = 3
	operationSchemaPhone = 2
)

// writeOperation writes an operation but for its id and version, which its key
// and head have.
func writeOperation(o operation.Operation) []byte {
	w := &writer{b: make([]byte, 0, 512)}
	w.uint(operationSchema)
	w.string(o.Name)
	w.string(o.Service)
	w.bool(o.ByService)
	w.bool(o.Named)
	w.string(o.Login)
	w.bool(o.Shown)
	w.string(o.ExternalID)
	w.string(o.Data)
	w.bytes(o.Form)
	w.bytes(o.Browser)
	w.time(o.CreatedAt)
	w.time(o.ExpiresAt)
	w.string(string(o.Result))
	w.string(o.Reason)
	w.string(string(o.Step))
	w.time(o.StepEnds)
	w.string(string(o.How))
	w.string(string(o.Chosen))
	w.count(len(o.Tries))
	for _, t := range o.Tries {
		w.string(string(t.Method))
		w.count(t.N)
	}
	strs(w, o.Closed)
	w.string(string(o.Subject))
	strs(w, o.Scopes)
	w.string(string(o.Session))
	w.string(o.Finish)
	w.string(o.Return)
	writeApproval(w, o.Approval)
	w.bool(o.Spent)
	writeHistory(w, o.History)
	w.count(o.Attempts)
	w.string(o.Risk)
	w.count(len(o.Kept))
	for _, k := range o.Kept {
		w.string(string(k.Method))
		w.bytes(k.State)
	}
	return w.b
}

// readOperation is the inverse of writeOperation.
func readOperation(b []byte) (o operation.Operation, err error) {
	r := &reader{b: b}
	schema := r.uint()
	if schema != operationSchema && schema != operationSchemaPhone {
		return o, errRecord
	}
	o.Name = r.string()
	o.Service = r.string()
	o.ByService = r.bool()
	o.Named = r.bool()
	o.Login = r.string()
	o.Shown = r.bool()
	o.ExternalID = r.string()
	o.Data = r.string()
	if form := r.bytes(); len(form) > 0 {
		o.Form = form
	}
	if browser := r.bytes(); len(browser) > 0 {
		o.Browser = browser
	}
	o.CreatedAt = r.time()
	o.ExpiresAt = r.time()
	o.Result = operation.Result(r.string())
	o.Reason = r.string()
	o.Step = operation.Step(r.string())
	o.StepEnds = r.time()
	o.How = operation.StepResult(r.string())
	o.Chosen = operation.Method(r.string())
	for range r.count() {
		o.Tries = append(o.Tries, operation.Try{Method: operation.Method(r.string()), N: int(r.uint())})
	}
	o.Closed = readStrings[operation.Method](r)
	o.Subject = device.TokenID(r.string())
	o.Scopes = readStrings[device.Scope](r)
	o.Session = session.ID(r.string())
	o.Finish = r.string()
	o.Return = r.string()
	if o.Approval = readApproval(r); o.Approval != nil {
		o.Approval.Proof = readProof(r, schema, o.Approval)
	}
	o.Spent = r.bool()
	o.History = readHistory(r)
	if schema == operationSchema {
		o.Attempts, o.Risk = int(r.uint()), r.string()
		for range r.count() {
			o.Kept = append(o.Kept, operation.Kept{Method: operation.Method(r.string()), State: r.bytes()})
		}
	}
	return o, r.end()
}

func writeHistory(w *writer, list []operation.Entry) {
	w.count(len(list))
	for _, e := range list {
		w.time(e.At)
		w.string(string(e.Step))
		w.string(string(e.Method))
		w.string(string(e.How))
		w.string(string(e.Result))
		w.string(e.Reason)
	}
}

func readHistory(r *reader) (list []operation.Entry) {
	for range r.count() {
		list = append(list, operation.Entry{At: r.time(), Step: operation.Step(r.string()), Method: operation.Method(r.string()),
			How: operation.StepResult(r.string()), Result: operation.Result(r.string()), Reason: r.string()})
	}
	return list
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
	w.bool(a.Proof != nil)
	if p := a.Proof; p != nil {
		w.string(p.Text)
		w.bytes(p.Signature[:])
		w.bytes(p.Key)
		w.string(p.Display)
		w.string(string(p.Device))
		w.time(p.At)
	}
}

// readProof reads the proof of an approval; the schema before had only one of the
// last step.
func readProof(r *reader, schema uint64, a *operation.Approval) *operation.Proof {
	if !r.bool() {
		return nil
	}
	p := &operation.Proof{Text: r.string()}
	if copy(p.Signature[:], r.bytes()) != len(p.Signature) {
		r.fail()
	}
	p.Key, p.Display = r.bytes(), r.string()
	p.Device, p.At = a.Device, a.At
	if schema == operationSchema {
		p.Device, p.At = device.ID(r.string()), r.time()
	}
	return p
}

func readApproval(r *reader) *operation.Approval {
	if !r.bool() {
		return nil
	}
	return &operation.Approval{Token: device.TokenID(r.string()), Device: device.ID(r.string()), AMR: readStrings[string](r),
		ACR: r.string(), At: r.time(), Scopes: readStrings[device.Scope](r), Claims: decodeClaims(r)}
}
