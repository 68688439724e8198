#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/hsfwd-peers.json: what docs/protocol/forward.md adds to a session between two hsfwd peers.

Written against the sheets, not against the program: hashlib for BLAKE2b, libsodium for the rest.
    python3 tests/vectors/hsfwd_peers.py > tests/vectors/data/hsfwd-peers.json
"""
import ctypes
import hashlib
import json

sodium = ctypes.CDLL('libsodium.so.23')
assert sodium.sodium_init() >= 0


def size(n):
    return ctypes.c_ulonglong(n)


def blake2b(data, length=64, key=b''):
    return hashlib.blake2b(data, digest_size=length, key=key).digest()


def name_space(name, index):
    return blake2b(blake2b(name.encode(), 32) + bytes([index]), 32)


class Keys:
    def __init__(self, seed):
        self.seed = seed
        public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
        sodium.crypto_sign_seed_keypair(public, secret, seed)
        self.public = public.raw

    def dh(self, remote):
        scalar = bytearray(hashlib.sha512(self.seed).digest()[:32])
        scalar[0] &= 248
        scalar[31] = scalar[31] & 127 | 64
        out = ctypes.create_string_buffer(32)
        assert sodium.crypto_scalarmult_ed25519_noclamp(out, bytes(scalar), remote) == 0
        return out.raw


def hmac(key, data):
    block = key.ljust(128, b'\0')
    inner = blake2b(bytes(b ^ 0x36 for b in block) + data)
    return blake2b(bytes(b ^ 0x5c for b in block) + inner)


def hkdf(salt, data):
    temporary = hmac(salt, data)
    first = hmac(temporary, b'\1')
    return first, hmac(temporary, first + b'\2')


class Symmetric:
    """The state of Noise_IK_Ed25519_ChaChaPoly_BLAKE2b; each key seals once, so nonces are 0."""

    def __init__(self, prologue, responder):
        self.hash = self.chaining = b'Noise_IK_Ed25519_ChaChaPoly_BLAKE2b'.ljust(64, b'\0')
        self.mix_hash(prologue)
        self.mix_hash(responder)

    def mix_hash(self, data):
        self.hash = blake2b(self.hash + data)

    def mix_key(self, shared):
        self.chaining, key = hkdf(self.chaining, shared)
        self.key = key[:32]

    def seal(self, plaintext):
        out = ctypes.create_string_buffer(len(plaintext) + 16)
        sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
            out, None, plaintext, size(len(plaintext)), self.hash, size(64), None, bytes(12), self.key)
        self.mix_hash(out.raw)
        return out.raw


def handshake(client, client_ephemeral, server, server_ephemeral, payload1, payload2):
    state = Symmetric(name_space('hyperswarm/dht', 0), server.public)
    state.mix_hash(client_ephemeral.public)
    state.mix_key(client_ephemeral.dh(server.public))
    message1 = client_ephemeral.public + state.seal(client.public)
    state.mix_key(client.dh(server.public))
    message1 += state.seal(payload1)
    state.mix_hash(server_ephemeral.public)
    state.mix_key(server_ephemeral.dh(client_ephemeral.public))
    state.mix_key(server_ephemeral.dh(client.public))
    message2 = server_ephemeral.public + state.seal(payload2)
    return state, message1, message2


def box(key, nonce, plaintext):
    out = ctypes.create_string_buffer(len(plaintext) + 16)
    sodium.crypto_secretbox_easy(out, plaintext, size(len(plaintext)), nonce, key)
    return out.raw


def unordered(key, counter, plaintext):
    number = counter.to_bytes(8, 'little')
    return number + box(key, number + bytes(16), plaintext)


def packet(key, counter, channel, payload):
    plaintext = bytes([channel]) + payload
    number = counter.to_bytes(8, 'little')
    out = ctypes.create_string_buffer(len(plaintext) + 16)
    sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
        out, None, plaintext, size(len(plaintext)), None, size(0), None, bytes(4) + number, key)
    return number + out.raw


class SecretStream:
    def __init__(self, key, header):
        self.state = ctypes.create_string_buffer(64)
        # Sender and receiver start alike; the sender's own initialisation would draw a header.
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(self.state, header, key)

    def frame(self, plaintext, tag):
        body = ctypes.create_string_buffer(len(plaintext) + 17)
        sodium.crypto_secretstream_xchacha20poly1305_push(
            self.state, body, None, plaintext, size(len(plaintext)), None, size(0), ctypes.c_ubyte(tag))
        return len(body.raw).to_bytes(3, 'little') + body.raw


def seed(n):
    return bytes([n]) * 32


def number(n):
    return bytes([n]) if n < 0xfd else b'\xfd' + n.to_bytes(2, 'little')


def block(features, service=b''):
    text = lambda t: bytes([len(t)]) + t
    body = number(features) + text(service) + (b'\x01' + text(service) if service else b'\x00')
    return b'hsfwd' + b'\x01' + bytes([len(body)]) + body


def begin(name, first_seed, features, labels):
    """What a vector begins with, and the keys of these labels."""
    seeds = [seed(first_seed + i * 0x11) for i in range(4)]
    client, server, *ephemeral = map(Keys, seeds)
    payload1 = bytes([1, 0, 0, 0]) + block(features)
    payload2 = bytes([1, 0, 0, 0]) + block(features, b'web')
    state, message1, message2 = handshake(client, ephemeral[0], server, ephemeral[1], payload1, payload2)
    exporter = blake2b(b'hsfwd exporter', 32, state.chaining)
    keys = {label: blake2b(label.encode(), 32, exporter) for label in labels}
    return {
        'name': name, 'initiatorStaticSeed': seeds[0], 'responderStaticSeed': seeds[1],
        'initiatorEphemeralSeed': seeds[2], 'responderEphemeralSeed': seeds[3],
        'payload1': payload1, 'message1': message1, 'payload2': payload2, 'message2': message2,
        'handshakeHash': state.hash, 'chainingKey': state.chaining, 'exporter': exporter, 'keys': keys,
    }, keys


FAREWELL = bytes([1, 31]) + b'service web: Connection refused'


def session():
    out, keys = begin('session', 0x11, 2 | 4,
                      ['hsfwd unordered initiator', 'hsfwd unordered responder', 'hsfwd holepunch'])
    said = {'initiator': [b'', b'first'], 'responder': [b'hsfwd' + FAREWELL, b'second', b'third']}
    nonce = bytes(range(24))
    punch = bytes([3, 0, 1, 5])  # flags (connected, punching), error, firewall, round
    return out | {
        'unordered': {
            role: [{'plaintext': text, 'envelope': unordered(keys['hsfwd unordered ' + role], i, text)}
                   for i, text in enumerate(texts)] for role, texts in said.items()},
        'holepunch': {'nonce': nonce, 'plaintext': punch,
                      'box': nonce + box(keys['hsfwd holepunch'], nonce, punch)},
    }


def packets():
    out, keys = begin('packets', 0x66, 2 | 4 | 32, ['hsfwd packets initiator', 'hsfwd packets responder'])
    control, messages = 0, 1
    said = {'initiator': [(messages, b''), (messages, b'first'), (control, b''), (254, bytes(1400))],
            'responder': [(control, FAREWELL), (messages, b'hsfwd' + FAREWELL), (messages, b'third')]}
    return out | {
        'packets': {
            role: [{'channel': channel, 'payload': payload,
                    'packet': packet(keys['hsfwd packets ' + role], i, channel, payload)}
                   for i, (channel, payload) in enumerate(texts)] for role, texts in said.items()},
    }


def part(number, index, content):
    return number.to_bytes(2, 'little') + bytes([index]) + content


def ip_packets():
    out, keys = begin('ip packets', 0xbb, 1 | 2 | 4 | 32 | 64,
                      ['hsfwd packets initiator', 'hsfwd packets responder'])
    control, ip, ip_parts = 0, 2, 3
    # A UDP datagram for port 9, of as many bytes.
    def datagram(size):
        head = bytes([0x45, 0]) + size.to_bytes(2, 'big') + bytes([0, 0, 0x40, 0, 64, 17, 0, 0, 10, 246, 0, 1, 10, 246, 0, 2])
        udp = bytes([0, 9, 0, 9]) + (size - 20).to_bytes(2, 'big') + bytes(2)
        return head + udp + bytes(i % 251 for i in range(size - 28))
    large = datagram(1280)
    said = {'initiator': [(ip, datagram(60)), (ip_parts, part(0, 0, large[:640])), (ip_parts, part(0, 1, large[640:])),
                          (control, bytes([2, 1]) + bytes(100))],
            'responder': [(control, bytes([3, 1])), (ip_parts, part(65535, 1, b'second')),
                          (ip_parts, part(65535, 0, b'first'))]}
    return out | {
        'packets': {
            role: [{'channel': channel, 'payload': payload,
                    'packet': packet(keys['hsfwd packets ' + role], i, channel, payload)}
                   for i, (channel, payload) in enumerate(texts)] for role, texts in said.items()},
        'whole': {'initiator': [datagram(60), large], 'responder': [b'firstsecond']},
        'questions': {'initiator': [1], 'responder': []},
        'answers': {'initiator': [], 'responder': [1]},
    }


def uint(n):
    return bytes([n]) if n <= 0xfc else b'\xfd' + n.to_bytes(2, 'little')


def text(content):
    return uint(len(content)) + content


def sessions():
    numbers = [0, 1, 2, 1002]
    labels = [f'hsfwd stream {n} {what}' for n in numbers for what in ('initiator', 'responder', 'ids')]
    out, keys = begin('sessions', 0x22, 2 | 4 | 32 | 128,
                      ['hsfwd packets initiator', 'hsfwd packets responder', 'hsfwd session', *labels])
    streams = []
    for n in numbers:
        ids = keys[f'hsfwd stream {n} ids']
        streams.append({'number': n, 'initiatorId': int.from_bytes(ids[:4], 'little'),
                        'responderId': int.from_bytes(ids[4:8], 'little'),
                        'hash': ids + bytes(32)})
    control = [
        {'kind': 1, 'number': 4, 'service': b'web', 'record': bytes([1, 4]) + text(b'web')},
        {'kind': 1, 'number': 1002, 'service': b'', 'record': bytes([1]) + uint(1002) + text(b'')},
        {'kind': 2, 'number': 4, 'service': b'web', 'services': [], 'record': bytes([2, 4]) + text(b'web') + bytes([0])},
        {'kind': 2, 'number': 6, 'service': b'', 'services': [b'web', b'ssh'],
         'record': bytes([2, 6]) + text(b'') + bytes([2]) + text(b'web') + text(b'ssh')},
        {'kind': 1, 'number': 10, 'service': b'dns', 'features': 256, 'record': bytes([1, 10]) + text(b'dns') + uint(256)},
        {'kind': 1, 'number': 12, 'service': b'', 'features': 64, 'record': bytes([1, 12]) + text(b'') + uint(64)},
        {'kind': 2, 'number': 10, 'service': b'dns', 'services': [], 'features': 256,
         'record': bytes([2, 10]) + text(b'dns') + bytes([0]) + uint(256)},
        {'kind': 3, 'number': 8, 'text': b'too many connections at once',
         'record': bytes([3, 8]) + text(b'too many connections at once')},
        {'kind': 4, 'number': 1, 'text': b'', 'record': bytes([4, 1]) + text(b'')},
    ]
    wrong = [b'', bytes([1]), bytes([1, 4]), bytes([1, 4, 9]) + b'web', bytes([2, 4]) + text(b'web'),
             bytes([2, 4]) + text(b'') + bytes([2]) + text(b'web'), bytes([3, 4]),
             bytes([1, 4]) + text(bytes(301)), bytes([1, 4]) + text(b'dns') + b'\xfd\x00']
    beside = uint(1002) + b'a packet'
    nonce = bytes(range(8))
    said = {'initiator': [(0, bytes([4]) + nonce), (4, bytes([0xff, 1]) + bytes(18)), (7, part(0, 0, b'half')),
                          (8, uint(2) + (258).to_bytes(2, 'little') + b'question'), (9, part(0, 0, beside[:6])), (9, part(0, 1, beside[6:]))],
            'responder': [(0, bytes([5]) + nonce), (8, uint(1002) + b'back')]}
    return out | {
        'id': keys['hsfwd session'][:16], 'streams': streams, 'control': control, 'wrongControl': wrong,
        'later': bytes([9, 1, 2, 3]),
        'challenge': {'nonce': nonce, 'question': bytes([4]) + nonce, 'answer': bytes([5]) + nonce},
        'packets': {
            role: [{'channel': channel, 'payload': payload,
                    'packet': packet(keys['hsfwd packets ' + role], i, channel, payload)}
                   for i, (channel, payload) in enumerate(texts)] for role, texts in said.items()},
    }


def udp_flows():
    out, keys = begin('udp flows', 0x1c, 2 | 4 | 32 | 256, ['hsfwd packets initiator', 'hsfwd packets responder'])
    udp, udp_parts = 5, 6
    def datagram(flow, content):
        return flow.to_bytes(2, 'little') + content
    large = datagram(258, bytes(i % 251 for i in range(1400)))
    said = {'initiator': [(udp, datagram(0, b'question')), (udp, datagram(1, b'')), (udp_parts, part(0, 0, large[:701])),
                          (udp_parts, part(0, 1, large[701:]))],
            'responder': [(udp, datagram(0, b'answer')), (udp_parts, part(7, 1, b'wer')),
                          (udp_parts, part(7, 0, datagram(65535, b'ans')))]}
    return out | {
        'packets': {
            role: [{'channel': channel, 'payload': payload,
                    'packet': packet(keys['hsfwd packets ' + role], i, channel, payload)}
                   for i, (channel, payload) in enumerate(texts)] for role, texts in said.items()},
        'whole': {'initiator': [datagram(0, b'question'), datagram(1, b''), large],
                  'responder': [datagram(0, b'answer'), datagram(65535, b'answer')]},
        'flows': {'initiator': [0, 1, 258], 'responder': [0, 65535]},
    }


def ends():
    tx, header = seed(0x55), bytes(range(24))
    message, final = 0, 3
    stream = SecretStream(tx, header)
    frames = [stream.frame(b'all there is', message), stream.frame(b'', message), stream.frame(b'', final)]
    behind = stream.frame(b'more', message)
    other = SecretStream(tx, header)
    content = other.frame(b'content', final)
    return {'name': 'ends', 'tx': tx, 'header': header, 'plaintext': b'all there is', 'frames': frames,
            'behindTheEnd': behind, 'finalWithContent': content}


def written(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: written(entry) for key, entry in value.items()}
    return [written(entry) for entry in value] if isinstance(value, list) else value


print(json.dumps(written({
    'description': 'Between two hsfwd peers, docs/protocol/forward.md sections 6, 7 and 9 to 12: a handshake and the '
                   'keys from its secret, messages and packets beside the stream, a sealed holepunch payload, IP packets and UDP flows whole and in parts, the streams '
                   'of a session and what is said of them, and ends of a direction.',
    'produced_by': 'tests/vectors/hsfwd_peers.py, with hashlib and libsodium',
    'encoding': 'bytes are lower case hex',
    'vectors': [session(), packets(), ip_packets(), sessions(), udp_flows(), ends()]}), indent=1))
