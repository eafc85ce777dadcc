package server

import (
	"encoding/json"
	"maps"
	"slices"

	"countersign/operation"
	"countersign/operation/form"
)

// OperationTemplates are the templates of the configuration, by name. [Config.Check]
// has found them good.
func (c Config) OperationTemplates() map[string]operation.Template {
	templates := map[string]operation.Template{}
	for name, value := range c.Templates {
		t, _ := readTemplate(name, value)
		templates[name] = t
	}
	return templates
}

// templates checks the templates of the configuration.
func (k *configCheck) templates() {
	flows := k.cfg.OperationFlows()
	for _, name := range slices.Sorted(maps.Keys(k.cfg.Templates)) {
		path := "templates." + name
		if !isFlowName(name) {
			k.fail(path, "is no name of a template", "1 to 64 letters, digits, _ and -, such as pay_invoice")
		}
		t, faults := readTemplate(name, k.cfg.Templates[name])
		for _, x := range append(faults, t.Check(flows)...) {
			at := path
			if x.At != "" {
				at += "." + x.At
			}
			k.fail(at, x.What, x.Hint)
		}
	}
}

// readTemplate reads one template:
//
//	name: authorize_payment
//	data: A1*A${amount}EUR*Q${account}
//	form: {title: "${amount} EUR to ${account}"}
//	expiry: 5m
//	attempts: 3
//	factors: 1
func readTemplate(name string, value any) (operation.Template, []operation.Fault) {
	r := &flowReader{}
	t := operation.Template{Flow: name}
	m := r.members("", value, "name", "data", "form", "expiry", "attempts", "factors")
	if m == nil {
		return t, r.faults
	}
	if m["name"] != nil {
		t.Flow = r.text("name", m["name"])
	}
	r.duration("expiry", m["expiry"], &t.Expiry)
	r.count("attempts", m["attempts"], &t.Attempts)
	r.count("factors", m["factors"], &t.Factors)
	t.Text = r.templateText(m)
	return t, r.faults
}

// templateText reads data and form.
func (r *flowReader) templateText(m map[string]any) form.Template {
	var raw []byte
	if m["form"] != nil {
		raw, _ = json.Marshal(m["form"]) // of mappings, lists, texts, numbers, true and false: it cannot fail
	}
	t, faults := form.ParseTemplate(r.text("data", m["data"]), raw)
	for _, f := range faults {
		hint := "docs/protocol.md says what a form has"
		if f.Path == "data" || len(f.Path) > 5 && f.Path[:5] == "data." {
			hint = "structured data, such as A1*A${amount}EUR*N${note}: a parameter stands behind a field's letter"
		}
		r.fail(f.Path, f.Err.Error(), hint)
	}
	return t
}
