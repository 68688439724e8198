// SPDX-License-Identifier: Apache-2.0
// The units as users have them: the package, installed on a machine with a systemd of its own, whose services are started, asked,
// changed, killed, upgraded and removed.
// Usage: service.test.js BUILD     BUILD: has the program
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const BUILD = path.resolve(process.argv.splice(2, 1)[0])
const t = require('../support/harness')
const { Machine, obstacle } = require('../support/machine')
t.skipAllIf(obstacle())

const FILE = '/etc/hsfwd/hsfwd.toml'
const SERVICE = 'hsfwd.service'
const BOOTSTRAP = '127.0.0.1:41000'
const STRANGER = 'yu7tsbhceer9gxxbbfhc7fg7kjqge9fsunr58edcjx6j953kujdo'
const header = (...lines) => [`bootstrap = "${BOOTSTRAP}"`, ...lines, ''].join('\n')
const expose = (services) => `[[expose]]\nservices = "${services}"\n`
const connect = (listen) => `[[connect]]\npeer = "${STRANGER}"\nlisten = "${listen}"\n`

let booted = null
/** A machine with the package and a DHT, for all cases. */
function machine () {
  booted = booted || (async () => {
    const packages = path.join(t.scratch, 'packages')
    execFileSync('cpack', ['-B', packages, '-D', 'CPACK_COMPONENTS_ALL=Unspecified', '-D', 'CPACK_DEBIAN_COMPRESSION_TYPE=gzip'], { cwd: BUILD, stdio: 'pipe' })
    const out = await Machine.boot()
    const [file] = fs.readdirSync(packages).filter((name) => name.endsWith('.deb'))
    fs.copyFileSync(path.join(packages, file), out.path('/root/hsfwd.deb'))
    out.run('dpkg', '-i', '--force-depends', '/root/hsfwd.deb')
    // What takes its time otherwise.
    out.write('/etc/systemd/system/hsfwd.service.d/short.conf', '[Unit]\nStartLimitIntervalSec=0\n[Service]\nWatchdogSec=1\nRestartSec=100ms\n')
    out.run('systemctl', 'daemon-reload')
    for (const user of ['member', 'stranger']) out.run('useradd', '--create-home', user)
    return out
  })()
  return booted
}

/** It is started, with that file. */
function start (m, text) {
  m.write(FILE, text)
  const { code, stderr } = m.try('systemctl', 'restart', SERVICE)
  t.equal(code, 0, `exit code of a start: ${stderr} ${m.journal(SERVICE).slice(-3).map((e) => e.MESSAGE).join('; ')}`)
}
const status = (m, file = FILE) => JSON.parse(m.run('hsfwd', 'status', '-c', file, '--json'))
const pid = (m, unit = SERVICE) => Number(m.show(unit, 'MainPID'))
const last = (m, match, unit = SERVICE) => m.journal(unit).filter(match).pop()

t.test('a service has started when its ports are open, says how it stands, and is what its user, root and nobody else may read', async () => {
  const m = await machine()
  t.equal(m.try('systemctl', 'is-enabled', SERVICE).stdout, 'disabled\n', 'nothing runs by being installed')
  start(m, header() + expose('echo=7777') + connect('2222'))
  t.equal(m.run('ss', '-Hltn', 'sport = :2222').split('\n').length - 1, 1, 'its port, as soon as it has started')
  t.equal(m.show(SERVICE, 'StatusText'), 'not online, 2 tunnels ready', 'how it stands')
  m.run('systemd-run', '--quiet', '--unit', 'dht', '/usr/bin/hsfwd', 'testnet', '--size', '3', '--port', '41000')
  await t.until(() => m.show(SERVICE, 'StatusText') === 'online, 2 tunnels ready', 'the network to be there')
  t.equal(m.run('stat', '-c', '%U:%G:%a', '/etc/hsfwd', '/run/hsfwd', '/var/lib/hsfwd/identity'), 'root:hsfwd:750\nhsfwd:hsfwd:750\nhsfwd:hsfwd:600\n', 'whose it is')
  t.equal(m.run('ps', '-o', 'user=', '-p', String(pid(m))).trim(), 'hsfwd', 'its user')
  start(m, header() + expose('echo=7777') + connect('2222') + connect('192.0.2.1:2223'))
  await t.until(() => m.show(SERVICE, 'StatusText') === 'online, 2 of 3 tunnels ready', 'one that is not ready')
})

t.test('a service at which nobody listens is told of, though the unit sees little of /proc', async () => {
  const m = await machine()
  start(m, header() + expose('echo=7777'))
  const silent = status(m).health.filter(({ code }) => code === 'SERVICE_SILENT')
  t.equal(silent.map(({ why }) => why).join('|'), 'Connection refused', 'what status begins with')
})

t.test('whoever is in the group asks the service, and nobody else', async () => {
  const m = await machine()
  start(m, header() + connect('2222'))
  m.run('usermod', '--append', '--groups', 'hsfwd', 'member')
  const asked = m.as('member', 'hsfwd', 'status', '-c', FILE)
  t.ok(asked.code === 0 && asked.stdout.includes(`process ${pid(m)}`), `${asked.stdout}${asked.stderr}`)
  t.equal(m.as('member', 'hsfwd', 'reload', '-c', FILE).code, 0, 'exit code of a reload')
  const refused = m.as('stranger', 'hsfwd', 'status', '-c', FILE)
  t.equal(refused.code, 77, 'exit code for others')
  t.ok(/^hsfwd: this user may not ask hsfwd up .*: permission denied; it runs as hsfwd: .*, or join the group hsfwd\n$/.test(refused.stderr), refused.stderr)
})

t.test('the journal has no time but its own, a priority, and what the events say', async () => {
  const m = await machine()
  start(m, header() + expose('echo=7777') + connect('2222'))
  const { key } = status(m)
  await t.until(() => last(m, (e) => e.HSFWD_EVENT === 'listening' && e.HSFWD_KEY === key), 'to be listening')
  const piped = m.try('hsfwd', 'pipe', key, '--bootstrap', BOOTSTRAP)
  t.ok(/Connection refused/.test(piped.stderr), piped.stderr)
  await t.until(() => last(m, (e) => e.HSFWD_EVENT === 'closed'), 'the end of a connection')
  const entries = m.journal(SERVICE)
  const ready = entries.filter((e) => e.HSFWD_EVENT === 'ready').pop()
  t.equal(`${ready.PRIORITY} ${ready.HSFWD_LISTEN} ${ready.HSFWD_PEER} ${ready.SYSLOG_IDENTIFIER}`, `6 127.0.0.1:2222 ${STRANGER} hsfwd`, 'a port that is ready')
  const closed = entries.filter((e) => e.HSFWD_EVENT === 'closed').pop()
  t.ok(/^[a-z0-9]{52}$/.test(closed.HSFWD_PEER) && closed.HSFWD_SERVICE === 'echo' && closed.HSFWD_CONNECTION > 0, JSON.stringify(closed))
  const wrong = entries.filter((e) => e.PRIORITY === '3').pop()
  t.equal(`${wrong.HSFWD_CODE} ${wrong.HSFWD_PEER}`, `PEER_NOT_FOUND ${STRANGER}`, 'an error')
  t.ok(entries.every((e) => e._TRANSPORT === 'journal' && !/^(hsfwd: |\d{4}-)/.test(e.MESSAGE)), 'all of it')
})

t.test('a file with a mistake: a reload fails and changes nothing, a start fails with one line and is not tried again', async () => {
  const m = await machine()
  start(m, header() + connect('2222'))
  const before = pid(m)
  m.write(FILE, header() + connect('2222') + connect('2223'))
  m.run('systemctl', 'reload', SERVICE)
  t.equal(status(m).connects.length, 2, 'local ports after a reload')
  m.write(FILE, header() + connect('99999'))
  t.equal(m.try('systemctl', 'reload', SERVICE).code, 1, 'exit code of a reload')
  t.equal(`${m.show(SERVICE, 'ActiveState')} ${pid(m)} ${status(m).connects.length}`, `active ${before} 2`, 'what goes on')
  const line = `${FILE}:4: listen '99999': '99999' is not a valid port (0-65535)`
  t.equal(last(m, (e) => e.PRIORITY === '3').MESSAGE, line, 'what the journal says')

  m.run('systemctl', 'stop', SERVICE)
  const entries = m.journal(SERVICE).length
  t.equal(m.try('systemctl', 'start', SERVICE).code, 1, 'exit code of a start')
  t.equal(m.journal(SERVICE).slice(entries).map((e) => `${e.PRIORITY} ${e.MESSAGE}`).join('|'), `3 ${line}`, 'one line')
  await t.sleep(300)  // longer than RestartSec, see below
  t.equal(`${m.show(SERVICE, 'ActiveState')} ${m.show(SERVICE, 'ExecMainStatus')} ${m.show(SERVICE, 'NRestarts')}`, 'failed 78 0', 'its state')
})

t.test('a service that was killed, or hangs, is started again', async () => {
  const m = await machine()
  start(m, header() + connect('2222'))
  for (const signal of ['KILL', 'STOP']) {
    const before = pid(m)
    const entries = m.journal('init.scope').length
    m.run('kill', `-${signal}`, String(before))
    await t.until(() => ![0, before].includes(pid(m)) && m.show(SERVICE, 'ActiveState') === 'active', `another process after ${signal}`)
    const said = m.journal('init.scope').slice(entries).map((e) => e.MESSAGE).join('\n')
    t.equal(/Watchdog timeout/.test(said), signal === 'STOP', `the watchdog: ${said}`)
  }
  const alive = pid(m)
  await t.sleep(1500)  // longer than the watchdog waits
  t.equal(pid(m), alive, 'one that runs')
})

t.test('further files run beside it, each by itself', async () => {
  const m = await machine()
  start(m, header() + connect('2222'))
  const file = '/etc/hsfwd/more.toml'
  m.write(file, header('identity = "/var/lib/hsfwd/more"') + expose('echo=7777'))
  m.run('systemctl', 'start', 'hsfwd@more')
  t.ok(status(m).key !== status(m, file).key, 'their keys')
  m.run('systemctl', 'reload', 'hsfwd@more')
  t.equal(m.as('member', 'hsfwd', 'status', '-c', file).code, 0, 'exit code for one of the group')
  t.equal(m.as('stranger', 'hsfwd', 'status', '-c', file).code, 77, 'exit code for others')
  m.run('systemctl', 'stop', 'hsfwd@more')
  t.equal(m.as('member', 'hsfwd', 'status', '-c', FILE).code, 0, 'exit code for the one that still runs')
})

t.test('a user has a service as well', async () => {
  const m = await machine()
  m.run('install', '-d', '-m', '700', '-o', 'member', '-g', 'member', '/run/user/member', '/home/member/.config', '/home/member/.config/hsfwd')
  m.write('/home/member/.config/hsfwd/hsfwd.toml', header() + expose('echo=7777'))
  // What logind and PAM would do.
  m.run('systemd-run', '--quiet', '--unit', 'manager', '-p', 'Type=notify', '-p', 'User=member', '-p', 'Delegate=yes',
    '-E', 'XDG_RUNTIME_DIR=/run/user/member', '-E', 'HOME=/home/member', '/usr/lib/systemd/systemd', '--user', '--unit=basic.target')
  const said = (...words) => {
    const { code, stdout, stderr } = m.as('member', ...words)
    t.equal(code, 0, `exit code of ${words.join(' ')}: ${stderr}`)
    return stdout
  }
  said('systemctl', '--user', 'start', SERVICE)
  await t.until(() => said('systemctl', '--user', 'show', '--value', '-p', 'StatusText', SERVICE) === 'online, 1 tunnel ready\n', 'the network to be there')
  said('systemctl', '--user', 'reload', SERVICE)
  t.ok(/^up: +\/home\/member\//m.test(said('hsfwd', 'status')), 'status without -c')
  said('systemctl', '--user', 'stop', SERVICE)
  m.run('systemctl', 'stop', 'manager')
})

t.test('what a drop-in allows: a credential, the group of a socket, a port below 1024, a network', async () => {
  const m = await machine()
  const identity = m.run('sh', '-c', 'cd /etc/hsfwd && hsfwd keygen --identity secret >&2 && chmod 600 secret && hsfwd keygen --identity secret').trim()
  m.run('groupadd', 'keepers')
  m.write('/etc/systemd/system/hsfwd.service.d/more.conf', ['[Service]', 'LoadCredential=identity:/etc/hsfwd/secret', 'SupplementaryGroups=keepers',
    'AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_ADMIN', 'CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_NET_ADMIN',
    'PrivateDevices=no', 'DeviceAllow=/dev/net/tun rw', ''].join('\n'))
  m.run('systemctl', 'daemon-reload')
  const network = m.try('sh', '-c', ': <>/dev/net/tun').code === 0
  start(m, header('identity = "/run/credentials/hsfwd.service/identity"') + connect('81') + connect('unix:/run/hsfwd/kept.sock') + 'socket_group = "keepers"\n' +
    (network ? `[peer.one]\nkey = "${STRANGER}"\n[tun]\npeers = ["one"]\n` : ''))
  t.equal(status(m).key, identity, 'its key')
  t.equal(m.run('stat', '-c', '%G:%a', '/run/hsfwd/kept.sock'), 'keepers:660\n', 'a socket')
  if (network) t.ok(m.run('ip', '-6', 'address', 'show', 'dev', 'hsfwd0').includes(' fdae:7d21:d73d:'), 'an address of its network')
  m.run('rm', '/etc/systemd/system/hsfwd.service.d/more.conf')
  m.run('systemctl', 'daemon-reload')
  return network ? undefined : 'no network: there is no /dev/net/tun'
})

t.test('an upgrade starts it again with its key; removed, nothing runs, and purged, nothing is left', async () => {
  const m = await machine()
  start(m, header() + expose('echo=7777'))
  m.run('systemctl', 'start', 'hsfwd@more')
  m.run('systemctl', 'enable', SERVICE, 'hsfwd@more')
  const before = [pid(m), pid(m, 'hsfwd@more')]
  const { key } = status(m)
  m.run('dpkg', '-i', '--force-depends', '/root/hsfwd.deb')
  const after = [pid(m), pid(m, 'hsfwd@more')]
  t.ok(after.every((one, i) => one > 0 && one !== before[i]), `processes ${before} and ${after}`)
  t.equal(status(m).key, key, 'the key')
  m.run('dpkg', '-r', 'hsfwd')
  t.equal(m.try('pgrep', '-u', 'hsfwd').stdout, '', 'what runs')
  t.ok(fs.existsSync(m.path(FILE)) && m.run('ls', '/var/lib/hsfwd/').includes('identity'), 'configuration and identity stay')
  m.run('dpkg', '-P', 'hsfwd')
  const left = m.run('find', '/etc', '/run', '/usr', '/var', '-xdev', '-path', '/var/lib/dpkg', '-prune', '-o', '-name', '*hsfwd*', '-print')
  t.equal(left.replace(/^\/run\/(log|systemd|user)\/.*\n/gm, ''), '', 'what is left')
  t.ok(!/hsfwd/.test(m.run('cat', '/etc/passwd', '/etc/group')), 'no user')
})
