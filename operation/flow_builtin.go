package operation

import "time"

// The operations that there are without any configuration.
const (
	// Login is the operation by which a user logs in at a service.
	Login = "login"
	// Payment is a payment, which the user sees before a phone approves it.
	Payment = "authorize_payment"
)

// BuiltIn are the flows that there are unless the configuration has others of
// their names.
func BuiltIn() map[string]Flow {
	again := map[StepResult][]Target{Canceled: {ToAgain}}
	identify := FlowStep{Name: Identify, Ways: []Way{{Method: ByName}}}
	// Who declines on a phone may have been sent another's request.
	device := FlowStep{Name: Device, Ways: []Way{{Method: ByPhone}}, On: again}
	return map[string]Flow{
		Login: {Name: Login, Expiry: 10 * time.Minute, Steps: []FlowStep{identify, device}},
		Payment: {Name: Payment, Expiry: 10 * time.Minute, Steps: []FlowStep{identify,
			{Name: Review, Ways: []Way{{Method: ByReview}}}, {Name: Device, Ways: []Way{{Method: ByPhone}}}}},
	}
}
