// SPDX-License-Identifier: Apache-2.0
// What measurements share: programs that may be installed, wireguard-go between two hosts, iperf3, tables.
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

const PORT = 51820
const MTU = 1420
const IPERF_TIMEOUT = 90000 // ms, of which it measures no more than a third

const installed = (...programs) => programs.every((program) => {
  try { return execFileSync('sh', ['-c', `command -v ${program}`]).length > 0 } catch { return false }
})

function median (numbers) {
  const sorted = numbers.filter((number) => number !== undefined).sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

/** What iperf3 says at its end; nothing if it failed. */
async function iperf (from, to, ...words) {
  const program = from.program('iperf3', ['-c', to, '-J', ...words])
  await program.exited
  return sumOf(program)
}

function sumOf (program) {
  try {
    const { end } = JSON.parse(program.text())
    return end.sum_received || end.sum
  } catch {
    return undefined
  }
}

/**
 * The same with a server of its own, which is there for this one alone: `server` and `client` are hosts, and the client's address and
 * port lead to the server's. `meanwhile()` is done beside it.
 */
async function iperfOnce ({ server, port }, { client, address, port: local }, words, meanwhile = () => {}) {
  const serving = server.program('iperf3', ['-s', '-1', '--forceflush', '-p', String(port)])
  try {
    await t.until(() => serving.code !== undefined || serving.text().includes('listening'), 'iperf3 to listen')
    const program = client.program('iperf3', ['-c', address, '-p', String(local), '-J', ...words])
    const ended = t.within(IPERF_TIMEOUT, 'iperf3 to end', program.exited).catch(() => program.kill('SIGKILL'))
    const [, other] = await Promise.all([ended, meanwhile()])
    return { sum: sumOf(program), other }
  } finally {
    await serving.kill('SIGKILL')
  }
}

/** Milliseconds, the mean. */
async function pings (from, to, count, interval) {
  const program = from.program('ping', ['-n', '-q', '-c', String(count), '-i', String(interval), to])
  await program.exited
  const found = /= [\d.]+\/([\d.]+)\//.exec(program.text())
  return found ? Number(found[1]) : undefined
}

/** A tunnel of wireguard-go between hosts with `name`, `folder`, `wireAddress`, `program()` and `sh()`: {programs, to}. */
async function wireguard (a, b) {
  const ends = [[a, '10.60.0.1'], [b, '10.60.0.2']].map(([host, inside]) => {
    const file = path.join(host.folder, 'wireguard')
    fs.writeFileSync(file, execFileSync('wg', ['genkey']), { mode: 0o600 })
    return { host, inside, file, key: execFileSync('wg', ['pubkey'], { input: fs.readFileSync(file) }).toString().trim() }
  })
  const link = (host) => `wg-${host.name}` // the control sockets are in one folder
  const programs = ends.map(({ host }) => host.program('wireguard-go', ['-f', link(host)], { env: { LOG_LEVEL: 'silent' } }))
  for (const [i, { host, inside, file }] of ends.entries()) {
    const other = ends[1 - i]
    await t.until(() => host.sh(`ip link show ${link(host)}; wg show ${link(host)}`).then(() => true, () => false), 'wireguard-go')
    await host.sh(`wg set ${link(host)} listen-port ${PORT} private-key ${file} peer ${other.key} \
      allowed-ips ${other.inside}/32 endpoint ${other.host.wireAddress}:${PORT}
      ip addr add ${inside}/24 dev ${link(host)}; ip link set ${link(host)} up mtu ${MTU}`)
  }
  return { programs, to: ends[1].inside }
}

const line = (cells) => console.log(`| ${cells.join(' | ')} |`)
const show = (number) => number === undefined ? 'failed' : number.toPrecision(3)

/** Medians of `figures`, a Map from a row's name to the samples of each column; then those of `ours` by those of each other row. */
function printTable (columns, figures, ours) {
  line(['', ...columns])
  line(['---', ...columns.map(() => '---:')])
  const medians = new Map([...figures].map(([name, samples]) => [name, samples.map(median)]))
  for (const [name, numbers] of medians) line([name, ...numbers.map(show)])
  for (const [name, numbers] of medians) {
    if (name !== ours) line([`${ours} / ${name}`, ...medians.get(ours).map((number, i) => show(number / numbers[i]))])
  }
}

module.exports = { MTU, installed, iperf, iperfOnce, median, pings, printTable, wireguard }
