package jws

import "math/big"

// rocaResidues maps a small prime to the residues that moduli of the weak
// generator have: the powers of 65537.
var rocaResidues = func() map[int64]map[int64]bool {
	primes := []int64{
		3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
		101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
	}
	table := make(map[int64]map[int64]bool, len(primes))
	for _, p := range primes {
		residues := make(map[int64]bool)
		for r := int64(1); !residues[r]; r = r * 65537 % p {
			residues[r] = true
		}
		table[p] = residues
	}
	return table
}()

// roca reports whether the modulus looks like one made by the weak generator of
// CVE-2017-15361, whose keys can be factored. A sound key passes for one with a
// probability of about 2 to the power of -40.
func roca(n *big.Int) bool {
	var m big.Int
	for p, residues := range rocaResidues {
		if !residues[m.Mod(n, big.NewInt(p)).Int64()] {
			return false
		}
	}
	return true
}
