package jsonenc

import "sync"

// maxPooled is the largest buffer that is kept for the next answer.
const maxPooled = 1 << 20

var buffers = sync.Pool{New: func() any { return new(make([]byte, 0, 4096)) }}

// Buffer returns an empty buffer. Give it back through [Release], with what it
// has grown to stored in it, once nothing refers to its bytes.
func Buffer() *[]byte {
	b := buffers.Get().(*[]byte)
	*b = (*b)[:0]
	return b
}

// Release takes back a buffer of [Buffer].
func Release(b *[]byte) {
	if cap(*b) <= maxPooled {
		buffers.Put(b)
	}
}
