package store

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"countersign/crypto/p256"
	"countersign/device"
	"countersign/operation"
	"countersign/session"

	"pgregory.net/rapid"
)

// fullOperation has every member set, each to something else.
func fullOperation() operation.Operation {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	return operation.Operation{Name: "login", Service: "acme", ByService: true, Named: true, Login: "l1", Shown: true, ExternalID: "order-1", Data: "A2", Form: json.RawMessage(`{}`),
		Browser: []byte("hash"), CreatedAt: at, ExpiresAt: at.Add(10 * time.Minute),
		Result: operation.Done, Reason: "expired", Step: operation.Device, StepEnds: at.Add(5 * time.Minute), How: operation.Canceled, Chosen: operation.ByPhone,
		Tries: []operation.Try{{Method: operation.ByPhone, N: 3}}, Closed: []operation.Method{operation.ByReview},
		Attempts: 2, Risk: "low", Kept: []operation.Kept{{Method: operation.ByMessage, State: []byte("kept")}},
		Subject: "tok_alice", Scopes: []device.Scope{device.Email, device.Name},
		Session: "sess_one", Finish: "https://login.example/oidc/authorize/one", Return: "https://shop.example/", Spent: true,
		History: []operation.Entry{{At: at, Step: operation.Identify, Method: operation.ByName, How: operation.Confirmed, Result: operation.Continue, Reason: "none"}},
		Approval: &operation.Approval{Token: "tok_bob", Device: "dev_bob", AMR: []string{"swk", "otp"}, ACR: session.Typed,
			At: at.Add(time.Minute), Scopes: []device.Scope{device.Name},
			Claims: device.Claims{"name": json.RawMessage(`"Bob"`), "address": json.RawMessage(`{"country":"DE"}`)},
			Proof:  &operation.Proof{Text: "signed", Signature: p256.Signature{1, 2, 3}, Key: []byte{4, 5}, Display: "shown", Device: "dev_alice", At: at.Add(30 * time.Second)}}}
}

// TestGoldenOperation pins the bytes of the record; see TestGoldenRecords.
func TestGoldenOperation(t *testing.T) {
	o := fullOperation()
	goldenRecord(t, "operation", operationSchema, writeOperation(o), func(b []byte) {
		got, err := readOperation(b)
		check(t, err)
		wantSame(t, got, o)
	})
	o.ID, o.Version = "op_", 1
	wantNoZero(t, "operation", o)
}

// TestOperationOfBefore: what a node of the version before wrote is read.
func TestOperationOfBefore(t *testing.T) {
	want := fullOperation()
	want.Attempts, want.Risk, want.Kept = 0, "", nil
	want.Approval.Proof.Device, want.Approval.Proof.At = want.Approval.Device, want.Approval.At
	text, err := os.ReadFile("testdata/operation_schema2.hex")
	check(t, err)
	b, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	check(t, err)
	got, err := readOperation(b)
	check(t, err)
	wantSame(t, got, want)
}

func TestOperationsRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := operation.Operation{Name: text(rt), Service: text(rt), ByService: yes(rt), Named: yes(rt), Login: text(rt), Shown: yes(rt), ExternalID: text(rt), Data: text(rt),
			Form: rapid.SliceOf(rapid.Byte()).Draw(rt, "form"), Browser: rapid.SliceOf(rapid.Byte()).Draw(rt, "browser"),
			CreatedAt: drawTime(rt), ExpiresAt: drawTime(rt), Result: operation.Result(text(rt)), Reason: text(rt), Step: operation.Step(text(rt)),
			StepEnds: drawTime(rt), How: operation.StepResult(text(rt)), Chosen: operation.Method(text(rt)),
			Subject: device.TokenID(text(rt)), Scopes: drawScopes(rt), Session: session.ID(text(rt)),
			Finish: text(rt), Return: text(rt), Spent: yes(rt), Attempts: count(rt), Risk: text(rt)}
		for range rapid.IntRange(0, 3).Draw(rt, "tries") {
			want.Tries = append(want.Tries, operation.Try{Method: operation.Method(text(rt)), N: count(rt)})
			want.Kept = append(want.Kept, operation.Kept{Method: operation.Method(text(rt)), State: []byte(text(rt))})
			want.Closed = append(want.Closed, operation.Method(text(rt)))
			want.History = append(want.History, operation.Entry{At: drawTime(rt), Step: operation.Step(text(rt)), Method: operation.Method(text(rt)),
				How: operation.StepResult(text(rt)), Result: operation.Result(text(rt)), Reason: text(rt)})
		}
		if yes(rt) {
			want.Approval = &operation.Approval{Token: device.TokenID(text(rt)), Device: device.ID(text(rt)),
				AMR: rapid.SliceOf(rapid.String()).Draw(rt, "amr"), ACR: text(rt), At: drawTime(rt), Scopes: drawScopes(rt), Claims: drawClaims(rt)}
		}
		got, err := readOperation(writeOperation(want))
		if err != nil {
			rt.Fatal(err)
		}
		wantSame(t, got, want)
	})
}

// TestHostileOperations: no part of a record is one, nor is one with more behind
// it, and nothing is made for lengths that are not there.
func TestHostileOperations(t *testing.T) {
	full := writeOperation(fullOperation())
	for n := range full {
		if _, err := readOperation(full[:n]); err == nil {
			t.Errorf("the first %d bytes of %d are an operation", n, len(full))
		}
	}
	for what, b := range map[string][]byte{
		"more behind it": append(append([]byte(nil), full...), 0),
		"another schema": append([]byte{operationSchema + 1}, full[1:]...),
	} {
		if _, err := readOperation(b); err == nil {
			t.Errorf("read with %s", what)
		}
	}
	for _, length := range []uint64{1 << 31, 1 << 62, math.MaxUint64} {
		hostile := binary.AppendUvarint(nil, length)
		for at := range full {
			b := append(append(append([]byte(nil), full[:at]...), hostile...), full[at+1:]...)
			if used := allocated(func() { _, _ = readOperation(b) }); used > 1<<20 {
				t.Fatalf("length %d at %d: %d bytes were allocated", length, at, used)
			}
		}
	}
}

func FuzzReadOperation(f *testing.F) {
	f.Add(writeOperation(fullOperation()))
	f.Add(writeOperation(operation.Operation{}))
	f.Add([]byte{operationSchema})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := readOperation(b)
		if err != nil {
			return
		}
		again, err := readOperation(writeOperation(o))
		check(t, err)
		wantSame(t, again, o)
	})
}
