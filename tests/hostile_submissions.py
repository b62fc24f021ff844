"""Submissions that want more than a mark: each a script.

`RIGHT` stands for code that answers everything rightly; `SECRET`, `CLASS` and `GRADES` for paths of
the secret, of the folder of submissions and of the grader's output, as somebody may guess them.
"""

LOOPS = {
    "loops": "RIGHT\nwhile True: pass",
    "ignores signals": """
import signal, threading, time
for s in range(1, 32):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
RIGHT
threading.Thread(target=lambda: time.sleep(1e6)).start()
time.sleep(1e6)
""",
    "function loops": "RIGHT\ndef answer_9_3(mean, variance, share):\n    while True: pass",
}
KEEPS_ITS_MARK = {
    "leaves at once": "RIGHT\nimport os\nos._exit(0)",
    "raises SystemExit": "RIGHT\nraise SystemExit(3)",
    "prints for long": "RIGHT\nfor i in range(200_000): print('x' * 100)",
    "leaves threads": """
RIGHT
import atexit, threading, time
atexit.register(lambda: time.sleep(1e6))
threading.Thread(target=lambda: time.sleep(1e6)).start()
""",
    "crashes": "RIGHT\nimport ctypes\nctypes.string_at(0)",
    "breaks what it runs in": """
RIGHT
import builtins, json, os
json.dumps = lambda *a, **k: '{"done": true}'
builtins.len = lambda x: 10**9
os.write = None
""",
}
GETS_NOTHING = {
    "leaves before": "import os\nos._exit(0)\nRIGHT",
    "prints results": """
import json, os, sys
forged = {"student": "honest", "checks": {"9.1": {"right": True}}}
lines = [json.dumps(forged), '{"done": true}', '{"name": "9.1", "answer": 1}', "[[[", "7"]
lines += ['{"name": "answer_9_1", "right": true}', '{"name": "honest", "answer_9_1": 7}']
for fd in range(1, 30):
    for line in lines:
        try: os.write(fd, line.encode() + b"\\n")
        except OSError: pass
""",
    "writes results": """
import os
for place in (".", "..", "../..", "GRADES", "GRADES/records", "CLASS", "/tmp", "/var/tmp", os.sep):
    for name in ("grades.csv", "honest.json", "records/honest.json", "first.json"):
        try: open(os.path.join(place, name), "w").write('{"checks": {}, "digest": ""}')
        except OSError: pass
""",
    "floods the answers": """
import os
for fd in range(3, 30):
    try:
        while True: os.write(fd, b'{"name": "answer_9_1", "answer": 1}\\n' * 10_000)
    except OSError: pass
""",
    "reads the secret": "print(open('SECRET').read())",
    "reads it by the back door": """
import ctypes, mmap, numpy, os, shutil
def attempt(f):
    try: print("FOUND", f())
    except BaseException as e: print(type(e).__name__)
libc = ctypes.CDLL(None)
def raw():
    fd = libc.open(b"SECRET", 0)
    assert fd >= 0
    return os.read(fd, 100)
attempt(raw)
attempt(lambda: numpy.fromfile("SECRET", dtype="u1"))
attempt(lambda: os.symlink("SECRET", "link") or open("link").read())
attempt(lambda: os.link("SECRET", "hard") or open("hard").read())
attempt(lambda: os.rename("SECRET", "mine") or open("mine").read())
attempt(lambda: shutil.copytree("CLASS", "all"))
attempt(lambda: os.listdir("CLASS"))
attempt(lambda: os.listdir(os.path.dirname("CLASS")))
attempt(lambda: open(f"/proc/{os.getppid()}/environ").read())
attempt(lambda: open(f"/proc/{os.getppid()}/mem", "rb").seek(10))
attempt(lambda: os.listdir(f"/proc/{os.getppid()}/fd"))
attempt(lambda: os.chroot("/"))
attempt(lambda: os.listdir(os.path.expanduser("~root")))
""",
    "looks for the checks": """
import importlib
for name in ("chapter_00", "blocks", "assignments", "_variants"):
    try: importlib.import_module("ibhelpers.exercises." + name); print("FOUND", name)
    except ImportError: pass
try: import ibhelpers.command_line.grade; print("FOUND grade")
except ImportError: pass
""",
    "forks": "import os\nwhile True:\n    os.fork()",
    "starts programs": """
import os, subprocess, sys, multiprocessing
def attempt(f):
    try: f()
    except BaseException: return
    print("FOUND")
attempt(lambda: subprocess.run([sys.executable, "-c", ""]))
attempt(lambda: subprocess.Popen(["sh", "-c", "sleep 1000 &"], start_new_session=True))
attempt(lambda: os.posix_spawn("/bin/sh", ["sh", "-c", ""], {}))
attempt(lambda: os.execv("/bin/sh", ["sh", "-c", "true"]))
attempt(lambda: multiprocessing.get_context("spawn").Process(target=print).start())
if os.system("true") == 0: print("FOUND")
""",
    "kills": """
import ctypes, os, signal
def attempt(f):
    try: f()
    except BaseException: return
    print("FOUND")
libc = ctypes.CDLL(None, use_errno=True)
attempt(lambda: os.kill(os.getppid(), signal.SIGKILL))
attempt(lambda: os.kill(-1, signal.SIGKILL))
attempt(lambda: os.killpg(os.getpgid(os.getppid()), signal.SIGKILL))
attempt(lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19))
import resource
attempt(lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (0, 0)))
if libc.kill(os.getppid(), 9) == 0: print("FOUND")
if hasattr(os, "pidfd_open"): attempt(lambda: os.pidfd_open(os.getppid()))
""",
    "changes rights": """
import os
def attempt(f):
    try: f()
    except BaseException: return
    print("FOUND")
for path in ("SECRET", "CLASS", "GRADES", os.__file__):
    attempt(lambda: os.chmod(path, 0))
    attempt(lambda: os.chown(path, 1, 1))
    attempt(lambda: os.truncate(path, 0))
    attempt(lambda: os.utime(path))
    attempt(lambda: os.remove(path))
    attempt(lambda: os.rename(path, path + "x"))
    attempt(lambda: os.fchmod(os.open(path, os.O_RDONLY), 0))
    attempt(lambda: os.setxattr(path, "user.x", b"x"))
    attempt(lambda: os.close(os.open(path, os.O_RDONLY | os.O_TRUNC)))
    attempt(lambda: os.mkdir(path + "y"))
""",
    "calls home": """
import socket
def attempt(f):
    try: f()
    except BaseException: return
    print("FOUND")
attempt(lambda: socket.socket())
attempt(lambda: socket.socket(socket.AF_UNIX))
attempt(lambda: socket.create_connection(("127.0.0.1", 1)))
""",
    "takes memory": "a = []\nwhile True: a.append(bytes(50_000_000))\nRIGHT",
    "takes hidden memory": """
import mmap, os
held = []
def attempt(f):
    try:
        while True: f()
    except BaseException as e: print(type(e).__name__)
def anonymous():
    m = mmap.mmap(-1, 60_000_000); m.write(b"x" * 60_000_000); held.append(m)
def memory_file():
    fd = os.memfd_create("x"); os.write(fd, b"x" * 60_000_000); held.append(fd)
attempt(memory_file)
attempt(anonymous)
RIGHT
""",
    "fills the disk": """
for i in range(10_000):
    with open(f"f{i}", "wb") as f: f.write(bytes(50_000_000))
RIGHT
""",
    "fills it unseen": """
import os
held = []
for i in range(10_000):
    held.append(open(f"f{i}", "wb"))
    os.unlink(f"f{i}")
    held[-1].write(bytes(50_000_000))
    held[-1].flush()
RIGHT
""",
    "makes many files": "for i in range(100_000): open(f'f{i}', 'w').close()\nRIGHT",
    "makes threads": """
import threading, time
while True: threading.Thread(target=time.sleep, args=(1e6,)).start()
RIGHT
""",
    "odd answers": """
answer_9_1 = True
answer_9_2 = float("nan")
def answer_9_3(*a): return 1 + 2j
""",
    "huge answers": """
answer_9_1 = 10 ** 100_000
answer_9_2 = list(range(3_000_000))
def answer_9_3(*a): return "9" * 10_000_000
""",
    "infinite answers": """
class Evil(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return Evil(0.0)
    def __abs__(self): return Evil(0.0)
    def __le__(self, other): return True
class Everything:
    def __eq__(self, other): return True
    def tolist(self): return [Everything()]
    def __call__(self, *a): return Everything()
answer_9_1 = Evil(3)
answer_9_2 = Everything()
answer_9_3 = Everything()
""",
    "deep answers": """
answer_9_1 = []
for _ in range(100_000): answer_9_1 = [answer_9_1]
answer_9_2 = []
answer_9_2.append(answer_9_2)
answer_9_3 = answer_9_2
""",
    "pickles": """
import pickle
class Bomb:
    def __reduce__(self): return (open, ("GRADES/bomb", "w"))
answer_9_1 = pickle.dumps(Bomb())
answer_9_2 = Bomb()
answer_9_3 = {"type": "calls", "results": [Bomb()]}
""",
    "marks up": """
print("<script>alert(1)</script>")
answer_9_1 = "</code><script>alert(2)</script>"
raise ValueError("<script>alert(3)</script>")
""",
    "halves of letters": r"""
answer_9_1 = "\ud800"
def answer_9_3(*a): raise ValueError("\udfff")
raise ValueError("\ud800" + chr(0))
""",
    "writes into the package": """
import ibhelpers, os
for path in (ibhelpers.__file__, ibhelpers.exercises.__file__, os.__file__):
    try: open(path, "a").write("raise SystemExit"); print("FOUND")
    except OSError: pass
""",
    "reads what it was told": """
import gc, os, sys
frame = sys._getframe()
while frame:
    print(sorted(frame.f_locals))
    if "order" in frame.f_locals: print({k for k in frame.f_locals["order"]})
    frame = frame.f_back
print(os.environ, sys.argv, os.listdir(".."))
""",
    "says it is done": """
import os
for fd in range(3, 30):
    try: os.write(fd, b'{"fence": ""}\\n{"done": true}\\n{"cell": true, "error": "x"}\\n')
    except OSError: pass
os._exit(0)
""",
    "locks and waits": """
import fcntl, os, time
for path in (os.__file__, "/dev/null", "/etc/localtime"):
    try: fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)
    except OSError: pass
raise SystemExit
""",
    "breaks the parser": "answer_9_1 = " + "-" * 200_000 + "1",
    "is one long sum": "answer_9_1 = " + "+".join(["1"] * 100_000),
    "is no code": "\x00\x00 ((((",
    "is too nested": "answer_9_1 = " + "(" * 5000 + "1" + ")" * 5000,
}
