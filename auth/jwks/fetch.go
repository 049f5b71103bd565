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
	"strings"
	"time"

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
	keysURL string // empty where it has to be discovered
	issuer  string
}

func (f *fetcher) init(start string, opts Options) error {
	u, err := url.Parse(start)
	if err != nil {
		return errors.New("the URL is malformed")
	}
	f.hosts = map[string]bool{strings.ToLower(u.Host): true}
	for _, h := range opts.Hosts {
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
	keys := make([]auth.Key, 0, len(parsed))
	ids := make(map[string]bool, len(parsed))
	for _, k := range parsed {
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
	return &state{set: set, ids: ids, fetched: time.Now()}, skipped, nil
}

// discover returns where the keys of the issuer are.
func (f *fetcher) discover(ctx context.Context) (string, error) {
	body, err := f.get(ctx, strings.TrimSuffix(f.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	if err := strictjson.Check(body); err != nil {
		return "", err
	}
	var members map[string]json.RawMessage
	var issuer, keys string
	if json.Unmarshal(body, &members) != nil || json.Unmarshal(members["issuer"], &issuer) != nil ||
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

func (f *fetcher) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	response, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", address, response.StatusCode)
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
