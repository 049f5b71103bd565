package jwks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tenetkit/tenet/auth"
	"github.com/tenetkit/tenet/auth/internal/jwk"
	"github.com/tenetkit/tenet/internal/strictjson"
)

const (
	maxBody      = 1 << 20
	maxRedirects = 3
)

// fetcher asks an issuer for its keys.
type fetcher struct {
	client  *http.Client
	hosts   map[string]bool
	start   *url.URL // of the keys or the issuer
	keysURL string   // empty where it has to be discovered
	issuer  string
}

func (f *fetcher) init(start string, opts Options) error {
	u, err := url.Parse(start)
	if err != nil {
		return errors.New("the URL is malformed")
	}
	f.start = u
	f.hosts = map[string]bool{strings.ToLower(u.Host): true}
	for _, h := range opts.Hosts {
		if named, err := url.Parse("https://" + h); err != nil || h == "" || named.Host != h {
			return fmt.Errorf("%q in Hosts is no host", h)
		}
		f.hosts[strings.ToLower(h)] = true
	}
	if err := f.allowed(u); err != nil {
		return err
	}
	client := http.Client{}
	if opts.Client != nil {
		client = *opts.Client
	}
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errors.New("too many redirects")
		}
		return f.allowed(r.URL)
	}
	f.client = &client
	return nil
}

// allowed returns an error unless u may be asked.
func (f *fetcher) allowed(u *url.URL) error {
	switch {
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("the URL has no host, or a user or fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return fmt.Errorf("%s is not an https URL", u.Redacted())
	case !f.hosts[strings.ToLower(u.Host)]:
		return fmt.Errorf("the host %s is not one of those named", u.Host)
	}
	return nil
}

func loopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

func (f *fetcher) fetch(ctx context.Context) (*state, []error, error) {
	address := f.keysURL
	if address == "" {
		var err error
		if address, err = f.discover(ctx); err != nil {
			return nil, nil, fmt.Errorf("discovery of %s: %w", f.issuer, err)
		}
	}
	body, err := f.get(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	parsed, skipped, err := jwk.ParseSet(body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", address, err)
	}
	skipped = slices.DeleteFunc(skipped, otherUse)
	keys := make([]auth.Key, 0, len(parsed))
	ids := make(map[string]bool, len(parsed))
	for _, k := range parsed {
		if _, secret := k.Key.([]byte); secret {
			return nil, skipped, fmt.Errorf("%s: a secret is published, with which anybody can sign", address)
		}
		if _, err := auth.NewKeySet(auth.Key(k)); err != nil {
			skipped = append(skipped, err)
			continue
		}
		keys = append(keys, auth.Key(k))
		ids[k.ID] = true
	}
	set, err := auth.NewKeySet(keys...)
	if err != nil {
		return nil, skipped, fmt.Errorf("%s: %w", address, err)
	}
	return &state{set: set, ids: ids}, skipped, nil
}

// otherUse reports whether a key was left out because it is for encryption, as
// many an issuer has one.
func otherUse(err error) bool { return errors.Is(err, jwk.ErrUse) }

// discover returns where the keys of the issuer are.
func (f *fetcher) discover(ctx context.Context) (string, error) {
	origin, path := f.start.Scheme+"://"+f.start.Host, strings.TrimSuffix(f.start.EscapedPath(), "/")
	body, err := f.get(ctx, origin+path+"/.well-known/openid-configuration")
	if e, ok := errors.AsType[statusError](err); ok && e.status < http.StatusInternalServerError {
		// RFC 8414, section 3.1, has the issuer's path last.
		body, err = f.get(ctx, origin+"/.well-known/oauth-authorization-server"+path)
	}
	if err != nil {
		return "", err
	}
	return f.keysOf(body)
}

// keysOf returns where the keys are by the metadata of the issuer.
func (f *fetcher) keysOf(metadata []byte) (string, error) {
	if err := strictjson.Check(metadata); err != nil {
		return "", err
	}
	var members map[string]json.RawMessage
	var issuer, keys string
	if json.Unmarshal(metadata, &members) != nil || json.Unmarshal(members["issuer"], &issuer) != nil ||
		json.Unmarshal(members["jwks_uri"], &keys) != nil {
		return "", errors.New("the document has no issuer or no jwks_uri")
	}
	if issuer != f.issuer {
		return "", fmt.Errorf("the document is that of %q", issuer)
	}
	u, err := url.Parse(keys)
	if err != nil {
		return "", errors.New("the jwks_uri is malformed")
	}
	return keys, f.allowed(u)
}

// statusError is an answer other than 200.
type statusError struct {
	address string
	status  int
}

func (e statusError) Error() string { return fmt.Sprintf("%s answers %d", e.address, e.status) }

func (f *fetcher) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	// The Source is a cache; another on the way would keep keys for longer.
	r.Header.Set("Cache-Control", "no-cache")
	response, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, statusError{address, response.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("%s answers more than %d bytes", address, maxBody)
	}
	return body, nil
}
