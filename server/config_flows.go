package server

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"countersign/operation"
	"countersign/passkey"
)

// OperationFlows are the flows that operations go through: those built in, and
// those of the configuration, which go before them. [Config.Check] has found them
// good.
func (c Config) OperationFlows() map[string]operation.Flow {
	flows := operation.BuiltIn()
	for name, value := range c.Flows {
		f, _ := readFlow(name, value)
		flows[name] = f
	}
	return flows
}

// risk checks the hook that is asked for the risk of operations.
func (k *configCheck) risk() {
	switch r := k.cfg.Risk; {
	case r.URL == "" && r.SecretFile != "":
		k.fail("risk.url", "is empty although there is a secretFile", "give the URL, or remove risk")
	case r.URL != "":
		k.target("risk.url", r.URL)
		if r.SecretFile == "" {
			k.fail("risk.secretFile", "is required with url: questions are signed", "the path of a file that holds whsec_ and 24 to 64 bytes in base64")
		}
	}
}

// flows checks the flows of the configuration.
func (k *configCheck) flows() {
	for _, name := range slices.Sorted(maps.Keys(k.cfg.Flows)) {
		path := "flows." + name
		if !isFlowName(name) {
			k.fail(path, "is no name of an operation", "1 to 64 letters, digits, _ and -, such as authorize_payment")
		}
		f, faults := readFlow(name, k.cfg.Flows[name])
		if len(faults) == 0 {
			faults = f.Check()
		}
		if len(faults) == 0 && f.Marked() && k.cfg.Risk.URL == "" {
			k.fail(path, "has steps that depend on the risk, and nobody is asked for it", "set risk.url, or leave risk out of its steps")
		}
		for _, x := range faults {
			at := path
			if x.At != "" {
				at += "." + x.At
			}
			k.fail(at, x.What, x.Hint)
		}
		k.methodsThere(path, f)
		if _, named := passkey.SiteOf(k.cfg.Issuer); k.cfg.Issuer != "" && !named && f.Has(operation.ByPasskey, operation.ByPasskeyAdd) {
			k.fail(path, "has passkeys, which there are for names of hosts alone", "give issuer a name, such as http://localhost:8080")
		}
	}
}

func isFlowName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return true
}

// defaultFlowExpiry is how long an operation may take whose flow does not say.
const defaultFlowExpiry = 10 * time.Minute

// flowReader reads what a configuration says of a flow, and collects what is not of
// its form.
type flowReader struct{ faults []operation.Fault }

func (r *flowReader) fail(at, what, hint string) {
	r.faults = append(r.faults, operation.Fault{At: at, What: what, Hint: hint})
}

// readFlow reads one flow:
//
//	expiry: 5m
//	factors: 1
//	steps: [identify, review, [device]]
//
// A step is a method, a list of methods, or {name, methods, risk, expiry, on}; a method
// is its name, or {method, attempts}.
func readFlow(name string, value any) (operation.Flow, []operation.Fault) {
	r := &flowReader{}
	f := operation.Flow{Name: name, Expiry: defaultFlowExpiry}
	m := r.members("", value, "expiry", "factors", "steps")
	r.duration("expiry", m["expiry"], &f.Expiry)
	r.count("factors", m["factors"], &f.Factors)
	steps, _ := m["steps"].([]any)
	if m != nil && steps == nil {
		r.fail("steps", "is required: a list", "such as [identify, device]")
	}
	for i, s := range steps {
		f.Steps = append(f.Steps, r.step("steps["+strconv.Itoa(i)+"]", s))
	}
	return f, r.faults
}

func (r *flowReader) step(at string, value any) (s operation.FlowStep) {
	switch v := value.(type) {
	case string:
		s.Ways = []operation.Way{{Method: operation.Method(v)}}
	case []any:
		s.Ways = r.ways(at, v)
	default:
		m := r.members(at, value, "name", "methods", "risk", "expiry", "on")
		s.Name = operation.Step(r.text(at+".name", m["name"]))
		if list, ok := m["methods"].([]any); ok {
			s.Ways = r.ways(at+".methods", list)
		} else if m != nil {
			r.fail(at+".methods", "is required: a list", "such as [device]")
		}
		s.Risk = operation.Risk(r.text(at+".risk", m["risk"]))
		r.duration(at+".expiry", m["expiry"], &s.Expiry)
		s.On = r.on(at+".on", m["on"])
	}
	if s.Name == "" && len(s.Ways) > 0 {
		s.Name = operation.Step(s.Ways[0].Method)
	}
	return s
}

func (r *flowReader) ways(at string, list []any) (ways []operation.Way) {
	for i, value := range list {
		if name, ok := value.(string); ok {
			ways = append(ways, operation.Way{Method: operation.Method(name)})
			continue
		}
		here := at + "[" + strconv.Itoa(i) + "]"
		m := r.members(here, value, "method", "attempts")
		w := operation.Way{Method: operation.Method(r.text(here+".method", m["method"]))}
		r.count(here+".attempts", m["attempts"], &w.Attempts)
		ways = append(ways, w)
	}
	return ways
}

func (r *flowReader) on(at string, value any) map[operation.StepResult][]operation.Target {
	if value == nil {
		return nil
	}
	m, ok := value.(map[string]any)
	if !ok {
		r.fail(at, "is no group", "such as {CANCELED: again}")
		return nil
	}
	out := map[operation.StepResult][]operation.Target{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list, many := m[name].([]any)
		if !many {
			list = []any{m[name]}
		}
		for _, t := range list {
			out[operation.StepResult(name)] = append(out[operation.StepResult(name)], operation.Target(r.text(at+"."+name, t)))
		}
	}
	return out
}

// members reads a group that has none but the names given.
func (r *flowReader) members(at string, value any, names ...string) map[string]any {
	m, ok := value.(map[string]any)
	if !ok {
		r.fail(at, "is no group", fmt.Sprintf("with %v", names))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(names, name) {
			r.fail(at, "has no key "+strconv.Quote(name), fmt.Sprintf("one of %v", names))
		}
	}
	return m
}

func (r *flowReader) text(at string, value any) string {
	s, ok := value.(string)
	if !ok && value != nil {
		r.fail(at, "is no text", "")
	}
	return s
}

func (r *flowReader) count(at string, value any, into *int) {
	switch n := value.(type) {
	case nil:
	case int:
		*into = n
	case int64:
		*into = int(n)
	case uint64:
		*into = int(min(n, 1<<20))
	default:
		r.fail(at, "is no number", "such as 3")
	}
}

func (r *flowReader) duration(at string, value any, into *time.Duration) {
	if value == nil {
		return
	}
	s, ok := value.(string)
	d, err := time.ParseDuration(s)
	if !ok || err != nil {
		r.fail(at, "is no duration", "such as 5m")
		return
	}
	*into = d
}
