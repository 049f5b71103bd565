package keyset

// Recode decodes n sort keys and encodes them again.
func Recode(b []byte, n int) (values []any, again []byte, ok bool, err error) {
	values, ok = decodeValues(b, n)
	if !ok {
		return nil, nil, false, nil
	}
	req := Request{Order: make([]Column, n)}
	for i := range req.Order {
		req.Order[i].Nullable = true
	}
	again, err = req.encodeValues(nil, values)
	return values, again, true, err
}
