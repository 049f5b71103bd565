package apierror

// AppendBody lets benchmarks and fuzzing see the encoder without the rest of Write.
func AppendBody(b []byte, e *Error) []byte { return appendError(b, e, "") }
