package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/auth/internal/httpauth"
	"github.com/tenetkit/tenet/auth/internal/phc"
)

var (
	errBasicForm   = errors.New("auth: Basic credentials are not the base64 of id:secret")
	errBasicText   = errors.New("auth: Basic credentials are empty, too long, not UTF-8 or have control characters")
	errNoClient    = errors.New("auth: no such client")
	errNoSecret    = errors.New("auth: client has no secret that is live")
	errDisabled    = errors.New("auth: client is disabled")
	errWrongSecret = errors.New("auth: wrong secret")
)

// BasicOptions adjusts [NewBasic]. The zero value is safe for production.
type BasicOptions struct {
	// Realm is shown in the challenge. If empty, api.
	Realm string

	// CacheSize is about how many verified credentials are remembered, to spare
	// the slow hash. If zero, 10,000; if negative, none.
	CacheSize int

	// OnCache, if not nil, is told of each time that credentials with a slow
	// hash are looked up among the remembered ones, and whether they are there.
	// It is the place for counters.
	OnCache func(hit bool)

	// Decoy is the hash that is checked for ids that nobody has, so that they
	// take as long to be refused as a wrong secret. If empty, it is the slow
	// hashes of the costliest client seen so far. Set it where an attacker may
	// be the first caller after a start. A client whose hashes cost less than
	// the decoy is refused sooner, and so can be told from nobody: give all
	// clients hashes of one kind.
	Decoy string

	// MaxHashes is how many slow hashes are computed at a time. If zero, one for
	// every two processors, so that a flood of wrong secrets leaves the others to
	// callers who are known. Fast ones ($sha256$) are not counted.
	MaxHashes int

	// MaxWaiting is how many different credentials may wait for a slow hash,
	// beyond which they are answered with 503. If zero, 64 times MaxHashes.
	MaxWaiting int

	// MaxFailures is how often a minute an address may fail for one client id,
	// beyond which it is answered with 429. If zero, 300; if negative, there is
	// no limit. A secret that was seen before, or whose hash is a fast one, is
	// accepted all the same. Nobody locks out another who calls from elsewhere.
	MaxFailures int

	// Address returns the address of the caller, as a rule from what your
	// proxies say; a port is passed over. If nil, it is the remote end of the
	// connection, which behind a proxy is one for all: then set it, or one
	// caller's failures are everybody's. Where there is none, as on a Unix
	// socket, nothing is counted.
	Address func(*http.Request) string

	// MaxAddressFailures is how often a minute an address may fail, whatever
	// the client ids. If zero, 1000; if negative, there is no limit. It needs
	// Address.
	MaxAddressFailures int

	// Outdated, if not nil, is told of a secret that was right and whose hash is
	// weaker than those of [HashSecret], which can take its place now that the
	// secret is at hand. It is called before the request goes on.
	Outdated func(ctx context.Context, clientID, hash, secret string)
}

// Basic accepts HTTP Basic credentials (RFC 7617) of clients. Make one with
// [NewBasic].
type Basic struct {
	clients   ClientFunc
	challenge string
	verified  *cache[string] // the hash that the credentials were checked against
	digester  *digester
	scratch   sync.Pool
	queue     hashQueue
	brakes    brakes
	onCache   func(hit bool)
	outdated  func(ctx context.Context, clientID, hash, secret string)
	decoy     atomic.Pointer[decoy]
	learns    bool // whether the decoy follows what is seen
}

type decoy struct {
	cost    int // of checking all secrets; zero if they are fast
	secrets []Secret
}

// NewBasic returns an Authenticator for the clients. It fails if clients is nil,
// for a Realm or a Decoy that cannot be used, for a negative MaxHashes or
// MaxWaiting, and for MaxAddressFailures without Address.
func NewBasic(clients ClientFunc, opts BasicOptions) (*Basic, error) {
	if clients == nil {
		return nil, errors.New("auth: NewBasic: clients is nil")
	}
	if opts.MaxHashes < 0 || opts.MaxWaiting < 0 {
		return nil, errors.New("auth: NewBasic: MaxHashes or MaxWaiting is negative")
	}
	if opts.MaxAddressFailures > 0 && opts.Address == nil {
		return nil, errors.New("auth: NewBasic: MaxAddressFailures needs Address")
	}
	realm, err := httpauth.QuoteRealm(opts.Realm)
	if err != nil {
		return nil, fmt.Errorf("auth: NewBasic: %w", err)
	}
	hash := opts.Decoy
	if hash == "" {
		_, hash = GenerateSecret()
	}
	parsed, err := phc.Parse(hash)
	if err != nil {
		return nil, fmt.Errorf("auth: NewBasic: Decoy: %w", err)
	}
	b := &Basic{
		clients:   clients,
		challenge: schemeBasic + ` realm=` + realm + `, charset="UTF-8"`,
		verified:  newCache[string](opts.CacheSize),
		digester:  newDigester(),
		learns:    opts.Decoy == "",
		onCache:   opts.OnCache,
		outdated:  opts.Outdated,
		brakes:    brakes{address: opts.Address, both: newBrake(opts.MaxFailures, defaultFailures)},
	}
	if opts.Address != nil {
		b.brakes.alone = newBrake(opts.MaxAddressFailures, defaultAddressFailures)
	}
	b.decoy.Store(&decoy{parsed.Cost(), []Secret{{Hash: hash}}})
	b.scratch.New = func() any { return &basicScratch{} }
	hashes := opts.MaxHashes
	if hashes == 0 {
		hashes = max(1, runtime.GOMAXPROCS(0)/2)
	}
	waiting := opts.MaxWaiting
	if waiting == 0 {
		waiting = 64 * hashes
	}
	b.queue.init(hashes, waiting)
	return b, nil
}

func (*Basic) reasons() []error {
	return []error{
		httpauth.ErrSeveral, errBasicForm, errBasicText, errNoClient, errNoSecret, errDisabled, errWrongSecret,
	}
}

// Challenge implements [Authenticator].
func (b *Basic) Challenge(error) string { return b.challenge }

// Authenticate implements [Authenticator].
func (b *Basic) Authenticate(r *http.Request) (Principal, error) {
	p, err := b.authenticate(r)
	if err != nil {
		return Principal{}, err
	}
	return *p, nil
}

func (b *Basic) authenticate(r *http.Request) (*Principal, error) {
	field, err := credentials(r, schemeBasic)
	if err != nil {
		return nil, err
	}
	s := b.scratch.Get().(*basicScratch)
	defer b.scratch.Put(s)
	if err := s.read(field); err != nil {
		return nil, err
	}
	id := string(s.id)
	client, err := b.clients(r.Context(), id)
	if err != nil {
		return nil, unavailable(fmt.Errorf("auth: client %q: %w", id, err))
	}
	now, d := time.Now(), b.decoy.Load()
	c := check{Basic: b, r: r, s: s, now: now, decoy: d, secrets: d.secrets}
	reason := errNoClient
	// A store may find ids by a collation of its own; here they are bytes.
	known := sameID(client.ID, id)
	secrets := client.Secrets
	if !known {
		secrets = d.secrets
	}
	live := slices.ContainsFunc(secrets, func(s Secret) bool { return s.live(now) })
	switch {
	case known && live:
		c.secrets, c.good, reason = secrets, !client.Disabled, errDisabled
	case known:
		reason = errNoSecret
	}
	try := attempt{&b.brakes, r, id}
	err = c.run(try)
	if _, answer := errors.AsType[*apierror.Error](err); answer {
		return nil, err
	}
	switch {
	case c.good && err == nil && c.hash == "":
		return client.principal(), nil
	case c.good && err == nil:
		return b.still(r.Context(), id, c.hash)
	case c.good:
		reason = err
	}
	return nil, try.failed(reason)
}

// still returns the client as it is after its secret was hashed, for which it may
// have waited: who was withdrawn meanwhile is out.
func (b *Basic) still(ctx context.Context, id, hash string) (*Principal, error) {
	client, err := b.clients(ctx, id)
	switch {
	case err != nil:
		return nil, unavailable(fmt.Errorf("auth: client %q: %w", id, err))
	case client.ID != id:
		return nil, errNoClient
	case client.Disabled:
		return nil, errDisabled
	case !has(client.Secrets, hash, time.Now()):
		return nil, errNoSecret
	}
	return client.principal(), nil
}

// basicScratch is the working memory of one check.
type basicScratch struct {
	text       []byte
	id, secret []byte
	keyed      []byte
	room       digest
}

const maxCredentials = maxClientID + 1 + maxSecret

var basicBase64 = base64.StdEncoding.Strict()

// read decodes what follows the scheme.
func (s *basicScratch) read(field string) error {
	if len(field) > basicBase64.EncodedLen(maxCredentials) {
		return errBasicText
	}
	s.keyed = append(s.keyed[:0], field...)
	if bytes.IndexByte(s.keyed, '\n') >= 0 || bytes.IndexByte(s.keyed, '\r') >= 0 {
		return errBasicForm
	}
	if s.text == nil {
		s.text = make([]byte, basicBase64.DecodedLen(basicBase64.EncodedLen(maxCredentials)))
	}
	n, err := basicBase64.Decode(s.text[:cap(s.text)], s.keyed)
	if err != nil {
		return errBasicForm
	}
	var ok bool
	if s.id, s.secret, ok = bytes.Cut(s.text[:n], []byte(":")); !ok {
		return errBasicForm
	}
	if len(s.id) == 0 || len(s.id) > maxClientID || len(s.secret) == 0 || len(s.secret) > maxSecret || !sound(s.text[:n]) {
		return errBasicText
	}
	return nil
}

// digest is what the cache knows the credentials by. The length of the id keeps
// apart what only together reads alike.
func (s *basicScratch) digest(d *digester) digest {
	s.keyed = binary.BigEndian.AppendUint64(s.keyed[:0], uint64(len(s.id)))
	s.keyed = append(s.keyed, s.id...)
	s.keyed = append(s.keyed, s.secret...)
	return d.sum(&s.room, s.keyed)
}
