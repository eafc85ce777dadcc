package operation

import "context"

// A method is how a step is taken. Each is a file of its own, and knows nothing of
// the others: where a step leads is the flow's business, and the dispatcher's.
type method interface {
	// label is what it is called on the page.
	label() Text
	// factor says whether taking it proves who somebody is.
	factor() bool
	// tries is how often it may be tried in one operation; 0: as often as one
	// likes.
	tries() int
	// open says whether it can be taken in the view's step as things stand. It must
	// not tell whether there is anybody of the subject's name.
	open(v view) bool
	// start and verify answer the messages of these types. They change nothing by
	// themselves but what has to be counted or spent before it is judged, and a passkey
	// that is taken in; each of that once for a request, however often they are asked
	// again because another message was quicker.
	start(ctx context.Context, v view, m Message) (plan, error)
	verify(ctx context.Context, v view, m Message) (plan, error)
}

// methods are all there are.
func methods() map[Method]method {
	return map[Method]method{ByName: identify{}, ByPhone: handset{}, ByReview: review{}, ByMessage: sent{}, ByOffline: offline{}, ByConsent: consent{},
		ByPasskey: passkeys{}, ByPasskeyAdd: addPasskey{}}
}

// Switchable are the methods that a user may switch off: those that approve, but for the
// phone, or nobody could approve any more.
func Switchable() []Method { return []Method{ByMessage, ByOffline, ByPasskey} }

// factor says whether a method proves one.
func (m Method) factor() bool {
	x, ok := methods()[m]
	return ok && x.factor()
}
