#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/hsfwd-network.json: the addresses of keys, as docs/protocol/network.md has them.

Written against the sheet, not against the program: hashlib for BLAKE2b, ipaddress for the texts.
    python3 tests/vectors/hsfwd_network.py > tests/vectors/data/hsfwd-network.json
"""
import hashlib
import ipaddress
import json


def blake2b(data, key=b''):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


NETWORK = blake2b(b'hsfwd network')
PREFIX = b'\xfd' + NETWORK[:5]
DEFAULT_POOL = f'10.{NETWORK[5]}.0.0/16'
IPV6_LABEL = b'hsfwd network ipv6 address'
IPV4_LABEL = b'hsfwd network ipv4 address'

# Interface ids that are somebody's already: first and last (IANA's registry, RFC 5453).
RESERVED = [
    (0, 0),
    (0x02005efffe000000, 0x02005efffeffffff),
    (0xfdffffffffffff80, 0xfdffffffffffffff),
]


def ipv6_of(hash_):
    subnet, interface = hash_[:2], int.from_bytes(hash_[2:10], 'big')
    if any(first <= interface <= last for first, last in RESERVED):
        interface ^= 1 << 63
    return PREFIX + subnet + interface.to_bytes(8, 'big')


def text(address):
    return str(ipaddress.ip_address(address))


def key(name, public):
    ipv6 = ipv6_of(blake2b(public, IPV6_LABEL))
    return {'name': name, 'publicKey': public.hex(), 'address': ipv6.hex(), 'text': text(ipv6)}


def bits(name, interface):
    hash_ = bytes([0xab, 0xcd]) + interface.to_bytes(8, 'big') + bytes(22)
    ipv6 = ipv6_of(hash_)
    return {'name': name, 'hash': hash_.hex(), 'address': ipv6.hex(), 'text': text(ipv6)}


def pool(name, network, publics, fixed=()):
    """First those whose home nobody shares, then room for the others, each in the order of keys."""
    network = ipaddress.ip_network(network)
    places = network.num_addresses - 2  # without the network's own address and that of broadcasts
    home = {public: int.from_bytes(blake2b(public, IPV4_LABEL)[:8], 'big') % places for public in publics}
    taken = {int(address) - int(network[1]): public for public, address in fixed}
    wanted = [home[public] for public in set(publics) - set(dict(fixed))]
    contested = {place for place in wanted if wanted.count(place) > 1}
    homeless = []
    for public in sorted(publics):
        if public in dict(fixed):
            continue
        if home[public] in taken or home[public] in contested:
            homeless.append(public)
        else:
            taken[home[public]] = public
    for public in homeless:
        free = [(home[public] + step) % places for step in range(places)]
        free = [place for place in free if place not in taken]
        if free:
            taken[next((place for place in free if place not in contested), free[0])] = public
    return {
        'name': name, 'pool': str(network),
        'fixed': {public.hex(): str(address) for public, address in fixed},
        'keys': [public.hex() for public in publics],
        'addresses': {public.hex(): str(network[1 + place]) for place, public in sorted(taken.items())},
    }


def vectors():
    keys = [bytes([n]) * 32 for n in (0, 1, 0x7f, 0xff)]
    yield {'name': 'networks', 'prefix': text(PREFIX.ljust(16, b'\0')) + '/48', 'pool': DEFAULT_POOL}
    for public in keys:
        yield key(f'key {public[0]:02x}', public)
    yield key('counting key', bytes(range(32)))
    for first, last in RESERVED:
        for interface in sorted({first, last}):
            yield bits(f'reserved interface id {interface:016x}', interface)
        for interface in (first - 1, last + 1):
            if 0 <= interface < 1 << 64:
                yield bits(f'interface id {interface:016x}', interface)
    many = [blake2b(bytes([n])) for n in range(40)]
    yield pool('the default pool', DEFAULT_POOL, many)
    yield pool('a pool that is nearly full', '192.168.77.0/26', many)
    yield pool('more keys than places', '192.168.77.0/29', many)
    yield pool('addresses by configuration', '192.168.77.0/26', many,
               [(many[n], ipaddress.ip_address(f'192.168.77.{n + 1}')) for n in (5, 17)])


print(json.dumps({
    'description': 'docs/protocol/network.md: addresses of keys, the interface ids that are left out, and the IPv4 '
                   'addresses that a pool gives.',
    'produced_by': 'tests/vectors/hsfwd_network.py, with hashlib',
    'encoding': 'bytes are lower case hex',
    'vectors': list(vectors())}, indent=1))
