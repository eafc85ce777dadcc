package operation

import "time"

// The operations that there are without any configuration.
const (
	// Login is the operation by which a user logs in at a service.
	Login = "login"
	// Payment is a payment, which the user sees, and then approves in a way that
	// they choose.
	Payment = "authorize_payment"
	// LoginSCA is a login by the phone's key alone, after which the user agrees to
	// what the service asks for (strong customer authentication).
	LoginSCA = "login_sca"
	// PaymentSCA is a payment that the phone's key approves after it has logged its
	// user in.
	PaymentSCA = "authorize_payment_sca"
)

// Approve is the step of [PaymentSCA] in which the payment is approved.
const Approve Step = "approve"

// BuiltIn are the flows that there are unless the configuration has others of
// their names. A method that an installation has not set up, such as message
// without a gateway, is not offered, and a service without terms passes consent.
func BuiltIn() map[string]Flow {
	// Who declines on a phone may have been sent another's request.
	again := map[StepResult][]Target{Canceled: {ToAgain}}
	identify := FlowStep{Name: Identify, Ways: ways(ByName)}
	review := FlowStep{Name: Review, Ways: ways(ByReview)}
	login := FlowStep{Name: Device, Ways: ways(ByPhone, ByOffline), On: again}
	agree := FlowStep{Name: Agree, Ways: ways(ByConsent)}
	flows := map[string]Flow{}
	for name, steps := range map[string][]FlowStep{
		Login:      {identify, login},
		Payment:    {identify, review, {Name: Device, Ways: ways(ByPhone, ByOffline, ByMessage)}},
		LoginSCA:   {identify, login, agree},
		PaymentSCA: {identify, login, review, {Name: Approve, Ways: ways(ByPhone, ByOffline)}, agree},
	} {
		flows[name] = Flow{Name: name, Expiry: 10 * time.Minute, Steps: steps}
	}
	return flows
}

func ways(methods ...Method) (out []Way) {
	for _, m := range methods {
		out = append(out, Way{Method: m})
	}
	return out
}
