package server

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/operation"

	"github.com/google/go-cmp/cmp"
)

// A flow is as short as it can be, and says the rest where it has to.
func TestFlows(t *testing.T) {
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(minimal + `flows:
  refund:
    expiry: 5m
    steps: [identify, [device]]
  authorize_payment:
    factors: 1
    steps:
      - identify
      - {name: who, methods: [{method: device, attempts: 2}], on: {CANCELED: again, AUTH_METHOD_FAILED: [fail]}}
      - review
      - {name: pay, methods: [device], expiry: 2m}
`)})
	if err != nil {
		t.Fatal(err)
	}
	flows := cfg.OperationFlows()
	if got := flows["refund"].String(); got != "identify > device" || flows["refund"].Expiry != 5*time.Minute {
		t.Errorf("%s in %s", got, flows["refund"].Expiry)
	}
	want := operation.Flow{Name: "authorize_payment", Expiry: 10 * time.Minute, Factors: 1, Steps: []operation.FlowStep{
		{Name: "identify", Ways: []operation.Way{{Method: operation.ByName}}},
		{Name: "who", Ways: []operation.Way{{Method: operation.ByPhone, Attempts: 2}}, On: map[operation.StepResult][]operation.Target{
			operation.Canceled: {operation.ToAgain}, operation.AuthMethodFailed: {operation.ToFail}}},
		{Name: "review", Ways: []operation.Way{{Method: operation.ByReview}}},
		{Name: "pay", Ways: []operation.Way{{Method: operation.ByPhone}}, Expiry: 2 * time.Minute}}}
	if diff := cmp.Diff(want, flows["authorize_payment"]); diff != "" {
		t.Error(diff)
	}
	if _, ok := flows[operation.Login]; !ok {
		t.Error("what is built in is gone")
	}
}

// The example in docs/operations.md is a good one.
func TestFlowOfTheDocuments(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\nflows:\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("docs/operations.md has no flows")
	}
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(minimal + "flows:\n" + example)})
	if err != nil {
		t.Fatal(err)
	}
	f := cfg.OperationFlows()["sign_contract"]
	if f.String() != "identify > review > device > device" || f.Factors != 1 || f.Expiry != time.Hour || f.Steps[2].Expiry != 5*time.Minute || f.Steps[2].Ways[0].Attempts != 3 {
		t.Errorf("%+v", f)
	}
}

// A flow may depend on the risk where somebody is asked for it.
func TestRiskConfig(t *testing.T) {
	const flow = "flows:\n  transfer: {steps: [device, {name: more, methods: [device], risk: high}]}\n"
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(minimal + flow + "risk: {url: https://risk.bank.example/ask, secretFile: s}\n")})
	if err != nil {
		t.Fatal(err)
	}
	if f := cfg.OperationFlows()["transfer"]; f.Steps[1].Risk != operation.RiskHigh || !f.Marked() {
		t.Errorf("%+v", f)
	}
	for text, want := range map[string]string{
		"risk: {url: https://risk.bank.example/}":                  "risk.secretFile: is required with url: questions are signed",
		"risk: {secretFile: s}":                                    "risk.url: is empty although there is a secretFile",
		"risk: {url: http://risk.bank.example/, secretFile: s}":    "risk.url: must be https",
		"risk: {url: https://a@risk.bank.example/, secretFile: s}": "risk.url: is not an https URL",
	} {
		found := problems(t, Source{File: "c.yaml", Content: []byte(minimal + text + "\n")})
		if len(found) != 1 || found[0].Path+": "+found[0].What != want {
			t.Errorf("%s: %v", text, found)
		}
	}
	cfg.Risk.URL = "https://10.0.0.1/"
	if w := cfg.Warnings(); !slices.ContainsFunc(w, func(s string) bool { return strings.HasPrefix(s, "risk.url is at an address that is not public") }) {
		t.Errorf("%q", w)
	}
}

// A flow of the configuration that needs a message needs a gateway, which only dev has
// without being told.
func TestFlowOfMessages(t *testing.T) {
	flow := minimal + "flows:\n  pay: {steps: [identify, {name: how, methods: [device, message]}]}\n"
	found := problems(t, Source{File: "c.yaml", Content: []byte(flow)})
	if len(found) != 1 || found[0].Path != "flows.pay.steps[1].methods[1]" || found[0].What != "message needs message.url" {
		t.Errorf("%+v", found)
	}
	if _, err := Load(Source{File: "c.yaml", Content: []byte(flow + "message: {url: 'https://gateway.example/', secretFile: /x}\n")}); err != nil {
		t.Error(err)
	}
	if _, err := Load(Source{File: "c.yaml", Content: []byte(flow), Kind: ForDev}); err != nil {
		t.Error(err)
	}
}

// Everything that is wrong is told at once, with its line.
func TestFlowMistakes(t *testing.T) {
	found := problems(t, Source{File: "c.yaml", Content: []byte(minimal + `flows:
  a b: {steps: [device]}
  short: {expiry: 1s, steps: [device]}
  empty: {}
  odd: {steps: [device], colour: red}
  text: device
  unknown: {steps: [identify, telepathy]}
  twice: {steps: [[device, device]]}
  late: {steps: [device, identify]}
  reviewed: {steps: [device, review]}
  nothing: {steps: [identify]}
  weak: {factors: 2, steps: [identify, device]}
  dead: {steps: [{name: a, methods: [device], on: {CONFIRMED: b}}, {name: b, methods: [device], on: {CONFIRMED: a}}]}
  lost: {steps: [{name: a, methods: [device], on: {CONFIRMED: done}}, {name: b, methods: [device]}]}
  nowhere: {steps: [{methods: [device], on: {CONFIRMED: elsewhere, MAYBE: next}}]}
  many: {steps: [{methods: [{method: device, attempts: 99}]}]}
  cheap: {steps: [{methods: [device], on: {AUTH_FAILED: done}}]}
  alone: {steps: [device, {name: more, methods: [device], risk: high}]}
  lower: {steps: [device, {name: more, methods: [device], risk: low}]}
  saved: {factors: 2, steps: [device, {name: more, methods: [device], risk: normal}]}
  again: {factors: 2, steps: [{name: a, methods: [device]}, {name: b, methods: [device]}]}
`)})
	var got []string
	for _, p := range found {
		got = append(got, strings.TrimPrefix(p.Where, "c.yaml:")+" "+p.Path+": "+p.What)
	}
	base := strings.Count(minimal, "\n")
	for i, want := range []string{
		"flows.a b: is no name of an operation",
		"flows.short.expiry: must be 30s to 24h",
		"flows.empty.steps: is required: a list",
		`flows.odd: has no key "colour"`,
		"flows.text: is no group",
		`flows.unknown.steps[1].methods[0]: there is no method "telepathy"`,
		"flows.twice.steps[0].methods[1]: device is listed twice",
		"flows.late.steps[1].methods[0]: identify is a first step, by itself",
		"flows.reviewed.steps[1].methods[0]: review needs a step after it whose methods it shows",
		"flows.nothing.steps: can be gone through with 0 of 1 factors",
		"flows.weak.steps: can be gone through with 1 of 2 factors",
		"flows.dead.steps[0]: leads to no end but failure",
		"flows.lost.steps[1]: is never due",
		"flows.nowhere.steps[0].on.CONFIRMED: elsewhere is no step",
		"flows.many.steps[0].methods[0].attempts: must be 1 to 20",
		"flows.cheap.steps: can be gone through with 0 of 1 factors",
		"flows.alone: has steps that depend on the risk, and nobody is asked for it",
		"flows.lower.steps[1].risk: must be normal or high",
		"flows.saved.steps: can be gone through with 1 of 2 factors at some risk",
		"flows.again.steps: can be gone through with 1 of 2 factors",
	} {
		line := base + 2 + i
		full := strings.Join([]string{strconv.Itoa(line), want}, " ")
		if !slices.Contains(got, full) {
			t.Errorf("not told: %s", full)
		}
	}
	if t.Failed() {
		t.Logf("told:\n%s", strings.Join(got, "\n"))
	}
}
