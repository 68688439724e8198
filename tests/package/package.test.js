// SPDX-License-Identifier: Apache-2.0
// The package as users have it: installed into roots that have nothing but what its scripts call, used, upgraded, removed,
// purged. And the program without shared libraries in a root with nothing at all.
// Usage: package.test.js BUILD     BUILD: has the program, the library and, unless that case is to be skipped, hsfwd-static
'use strict'
const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const BUILD = path.resolve(process.argv.splice(2, 1)[0])
const t = require('../support/harness')

// What the package's scripts call, and the shell that runs them.
const CALLED = ['sh', 'chmod', 'chown', 'getent', 'grep', 'groupadd', 'groupdel', 'rm', 'stat', 'useradd', 'userdel', 'dpkg-statoverride']
const ENVIRONMENT = { XDG_STATE_HOME: '/var/lib', XDG_CACHE_HOME: '/var/cache', XDG_RUNTIME_DIR: '/run', XDG_CONFIG_HOME: '/etc' }

const found = (program) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).stdout.toString().trim()
const missing = ['cpack', 'dpkg', 'dpkg-deb', 'dpkg-shlibdeps', 'ldd', 'chroot', ...CALLED].filter((program) => !found(program))
t.skipAllIf(process.getuid() !== 0 ? 'it takes root to install a package' : missing.length ? `there is no ${missing.join(', no ')}` : '')

/** Copies files of this machine to where they are in `root`, and the libraries that they, and `others`, are linked against. */
function copyInto (root, files, ...others) {
  const wanted = new Set(files)
  for (const file of [...files, ...others]) {
    const listed = spawnSync('ldd', [file]).stdout.toString()
    for (const [, library] of listed.matchAll(/(\/\S+) \(0x/g)) wanted.add(library)
  }
  for (const file of wanted) {
    const to = path.join(root, file)
    if (fs.existsSync(to)) continue
    fs.mkdirSync(path.dirname(to), { recursive: true })
    fs.copyFileSync(fs.realpathSync(file), to)
  }
}

let roots = 0
/** A root with a database of packages, users, and what scripts call. */
function bareRoot () {
  const root = path.join(t.scratch, `root${++roots}`)
  for (const folder of ['dev', 'etc', 'tmp', 'run', 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/cache', 'var/mail']) {
    fs.mkdirSync(path.join(root, folder), { recursive: true })
  }
  // As on every Debian: one tree, under usr.
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) fs.symlinkSync(`usr/${folder}`, path.join(root, folder))
  // Not the device, which not every container may make: what is written to it is gone with the root.
  fs.writeFileSync(path.join(root, 'dev/null'), '')
  for (const file of ['status', 'available']) fs.writeFileSync(path.join(root, 'var/lib/dpkg', file), '')
  fs.writeFileSync(path.join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  fs.writeFileSync(path.join(root, 'etc/group'), 'root:x:0:\n')
  fs.writeFileSync(path.join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\n')
  for (const file of ['shadow', 'gshadow']) fs.writeFileSync(path.join(root, 'etc', file), '')
  // Of the program, its libraries.
  copyInto(root, CALLED.map(found), t.BINARY)
  return root
}

/** dpkg, as a machine runs it, for that root. */
function dpkg (root, ...words) {
  try {
    return execFileSync('dpkg', [`--root=${root}`, '--force-depends', '--log=/dev/null', ...words], { stdio: 'pipe' }).toString()
  } catch (error) {
    throw new Error(`dpkg ${words.join(' ')}: ${error.stdout}${error.stderr}`)
  }
}

/** The program of that root, inside it. */
const inside = (root, program, args, options) => new t.Program('chroot', [root, program, ...args], { env: ENVIRONMENT, ...options })

async function runInside (root, program, args, input) {
  const run = inside(root, program, args, { stdin: input === undefined ? 'ignore' : 'pipe' })
  if (input !== undefined) run.child.stdin.end(input)
  const code = await t.within(30000, `${args[0]} to end`, run.exited)
  return { code, stdout: run.text(), stderr: run.stderr }
}

/** All that is in a root. */
const contents = (root) => execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P\\n'], { cwd: root }).toString().split('\n').filter(Boolean).sort()

let packages = null
/** The folder with the packages; made once. */
function packed () {
  if (!packages) {
    packages = path.join(t.scratch, 'packages')
    // As scripts/package does, but for what takes its time.
    execFileSync('cpack', ['-B', packages, '-D', 'CPACK_DEBIAN_COMPRESSION_TYPE=gzip'], { cwd: BUILD, stdio: 'pipe' })
  }
  return packages
}
const packageFile = (name) => {
  const file = fs.readdirSync(packed()).find((file) => file.startsWith(`${name}_`) && file.endsWith('.deb'))
  return path.join(packed(), file)
}

/** That package with another version. */
function laterVersion () {
  const tree = path.join(t.scratch, 'later')
  execFileSync('dpkg-deb', ['-R', packageFile('hsfwd'), tree])
  const control = path.join(tree, 'DEBIAN/control')
  fs.writeFileSync(control, fs.readFileSync(control, 'utf8').replace(/^Version: .*/m, '$&+later'))
  execFileSync('dpkg-deb', ['-Znone', '-b', tree, `${tree}.deb`], { stdio: 'pipe' })
  return `${tree}.deb`
}

/** Two programs in two roots on one loopback: what goes through a tunnel comes back. The client has that name for the host. */
async function tunnels (server, client, program, name = '127.0.0.1') {
  const net = inside(server, program, ['testnet', '--size', '3', '--port', '0', '--json'])
  const bootstrap = (await net.event('ready')).bootstrap[0]
  const echo = await t.service((socket) => socket.pipe(socket))
  const expose = inside(server, program, ['expose', String(echo.port), '--bootstrap', bootstrap, '--json'])
  const { key } = await expose.event('listening')
  const pipe = await runInside(client, program, ['pipe', key, '--bootstrap', bootstrap.replace('127.0.0.1', name)], 'there and back')
  t.equal(pipe.code, 0, `exit code: ${pipe.stderr}`)
  t.equal(pipe.stdout, 'there and back', 'what came back')
  await expose.kill()
  return key
}

t.test('installed, used between two machines, upgraded, removed, purged: nothing is left', async () => {
  const before = contents(bareRoot())
  const [server, client] = [bareRoot(), bareRoot()]
  // A user that the machine's owner has made.
  execFileSync('chroot', [client, 'useradd', '--system', '--user-group', '--no-create-home', 'hsfwd'])
  for (const root of [server, client]) dpkg(root, '-i', packageFile('hsfwd'))
  const folder = fs.statSync(path.join(server, 'etc/hsfwd'))
  const [, group] = /^hsfwd:x:(\d+):/m.exec(fs.readFileSync(path.join(server, 'etc/group'), 'utf8'))
  t.equal(`${folder.uid} ${folder.gid} ${(folder.mode & 0o7777).toString(8)}`, `0 ${group} 750`, '/etc/hsfwd')

  const key = await tunnels(server, client, '/usr/bin/hsfwd')
  // A choice of the machine's owner.
  fs.chmodSync(path.join(server, 'etc/hsfwd'), 0o700)
  fs.writeFileSync(path.join(server, 'etc/hsfwd/hsfwd.toml'), '[[expose]]\nservices = "22"\n')
  const identity = async () => (await runInside(server, '/usr/bin/hsfwd', ['keygen'])).stdout.trim()
  t.equal(await identity(), key, 'the key before')
  dpkg(server, '-i', laterVersion())
  t.ok(/\+later$/m.test(dpkg(server, '-s', 'hsfwd').match(/^Version: .*/m)[0]), 'the later version')
  t.equal(await identity(), key, 'the key after an upgrade')
  t.equal(fs.statSync(path.join(server, 'etc/hsfwd')).mode & 0o7777, 0o700, '/etc/hsfwd after an upgrade')
  dpkg(server, '-i', packageFile('hsfwd'))
  t.equal(await identity(), key, 'the key after a downgrade')

  // An identity that root has given to the unit's user; without a group of that name, check would warn.
  fs.copyFileSync(path.join(server, 'var/lib/hsfwd/identity'), path.join(server, 'etc/hsfwd/identity'))
  for (const [file, mode] of [['etc/hsfwd', 0o750], ['etc/hsfwd/identity', 0o440]]) {
    fs.chmodSync(path.join(server, file), mode)
    fs.chownSync(path.join(server, file), 0, Number(group))
  }
  fs.writeFileSync(path.join(server, 'etc/hsfwd/hsfwd.toml'), 'identity = "identity"\n[[connect]]\npeer = "' + key + '"\nlisten = "0"\n')
  const check = await runInside(server, '/usr/bin/hsfwd', ['check', '-c', '/etc/hsfwd/hsfwd.toml'])
  t.equal(`${check.code}${check.stderr}`, '0', 'what check says')
  dpkg(server, '-r', 'hsfwd')
  t.ok(!fs.existsSync(path.join(server, 'usr/bin/hsfwd')), 'the program is gone')
  t.ok(fs.existsSync(path.join(server, 'etc/hsfwd/hsfwd.toml')), 'the configuration is there')
  dpkg(server, '-i', packageFile('hsfwd'))
  t.equal(await identity(), key, 'the key of who installs it again')

  // A unit that was used, and one that was enabled.
  const used = ['var/lib/private', 'var/cache/private']
  const enabled = ['etc/systemd', 'etc/systemd/system', 'etc/systemd/system/multi-user.target.wants']
  for (const folder of [...used, ...enabled]) fs.mkdirSync(path.join(server, folder), { recursive: true })
  for (const folder of used) fs.mkdirSync(path.join(server, folder, 'hsfwd'))
  fs.symlinkSync('/usr/lib/systemd/system/hsfwd.service', path.join(server, enabled[2], 'hsfwd.service'))
  dpkg(server, '-P', 'hsfwd')
  dpkg(client, '-P', 'hsfwd')
  // What dpkg keeps of packages, and useradd of the files before, is theirs.
  const theirs = /^var\/lib\/dpkg\/|^etc\/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^etc\/\.pwd\.lock$/
  const known = [...before, ...used, ...enabled]
  t.equal(contents(server).filter((file) => !known.includes(file) && !theirs.test(file)).join(' '), '', 'what is left')
  const accounts = (root) => ['passwd', 'group', 'shadow', 'gshadow'].map((file) => fs.readFileSync(path.join(root, 'etc', file), 'utf8')).join('')
  t.ok(!/hsfwd/.test(accounts(server)), 'no user')
  t.equal(accounts(client).match(/^hsfwd:/gm)?.length, 4, 'the one that was there before')
})

t.test('what the packages have is where it belongs', async () => {
  const listed = (name) => execFileSync('dpkg-deb', ['-c', packageFile(name)]).toString()
  const program = listed('hsfwd')
  for (const file of ['bin/hsfwd', 'share/man/man1/hsfwd.1.gz', 'lib/systemd/system/hsfwd.service', 'lib/systemd/system/hsfwd@.service',
    'lib/systemd/user/hsfwd.service', 'share/doc/hsfwd/copyright', 'share/doc/hsfwd/changelog.Debian.gz',
    'share/doc/hsfwd/README.md', 'share/doc/hsfwd/examples/hsfwd.toml']) {
    t.ok(program.includes(` ./usr/${file}\n`), `${file} in ${program}`)
  }
  const tree = path.join(t.scratch, 'unpacked')
  execFileSync('dpkg-deb', ['-x', packageFile('hsfwd'), tree])
  for (const unit of ['system/hsfwd.service', 'system/hsfwd@.service', 'user/hsfwd.service']) {
    t.ok(/^ExecStart=\/usr\/bin\/hsfwd up -c /m.test(fs.readFileSync(path.join(tree, 'usr/lib/systemd', unit), 'utf8')), unit)
  }
  const library = listed('hsfwd-dev')
  for (const file of ['libhsfwd.a', 'libhsfwd_uv.a', 'hsfwd-config.cmake', 'node/hsfwd.hpp']) t.ok(library.includes(`/${file}\n`), `${file} in ${library}`)
  const version = execFileSync('dpkg-deb', ['-f', packageFile('hsfwd'), 'Version']).toString().trim()
  const [, said] = /^hsfwd \((\S+)\)/.exec(fs.readFileSync(path.join(__dirname, '../../packaging/changelog'), 'utf8'))
  t.equal(said, version, 'the version in packaging/changelog')
})

t.test('lintian has nothing to say', async () => {
  if (!found('lintian')) t.skip('there is no lintian')
  const lintian = spawnSync('lintian', ['--allow-root', '--fail-on', 'error,warning', packageFile('hsfwd'), packageFile('hsfwd-dev')])
  t.equal(`${lintian.stdout}${lintian.stderr}${lintian.status}`, '0', 'what it says')
})

t.test('the program without shared libraries needs nothing but itself', async () => {
  if (!fs.existsSync(path.join(BUILD, 'hsfwd-static'))) t.skip('this build has none (HSFWD_STATIC)')
  const root = () => {
    const root = fs.mkdtempSync(path.join(t.scratch, 'empty-'))
    fs.copyFileSync(path.join(BUILD, 'hsfwd-static'), path.join(root, 'hsfwd'))
    return root
  }
  const [server, client] = [root(), root()]
  t.equal((await runInside(server, '/hsfwd', ['--version'])).code, 0, 'exit code of --version')
  await tunnels(server, client, '/hsfwd')

  fs.mkdirSync(path.join(client, 'etc'))
  fs.writeFileSync(path.join(client, 'etc/hosts'), '127.0.0.1 node.example\n')
  // With modules that are not there, as they are not of the same C library elsewhere.
  fs.writeFileSync(path.join(client, 'etc/nsswitch.conf'), 'hosts: resolve\n')
  await tunnels(server, client, '/hsfwd', 'node.example')
})
