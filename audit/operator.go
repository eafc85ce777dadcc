package audit

import "context"

type operatorKey struct{}

type operator struct{ name, address string }

// ByOperator notes that what follows is done for an operator who asks over the
// operators' API: the name of a static token, or a tokenId. A recorder made by
// [Attribute] puts it into every event.
func ByOperator(ctx context.Context, name, address string) context.Context {
	return context.WithValue(ctx, operatorKey{}, operator{name, address})
}

// Attribute gives a recorder that says in each event which operator it was done
// for, and from where, so that no room has to know of operators.
func Attribute(to Recorder) Recorder { return attributed{to} }

type attributed struct{ to Recorder }

func (a attributed) Record(ctx context.Context, e Event) error {
	if o, ok := ctx.Value(operatorKey{}).(operator); ok {
		e.Operator = o.name
		if e.Address == "" {
			e.Address = o.address
		}
	}
	return a.to.Record(ctx, e)
}
