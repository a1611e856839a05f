import threading

import pytest

from ossfs.transfer.workers import InlineWorkers, ThreadWorkers


@pytest.fixture(params=["threads", "inline"])
def workers(request):
    workers = InlineWorkers() if request.param == "inline" else ThreadWorkers(3, "test")
    yield workers
    workers.close(cancel=True)


@pytest.fixture
def threads():
    workers = ThreadWorkers(3, "test")
    yield workers
    workers.close(cancel=True)


def named(prefix):
    return [thread for thread in threading.enumerate() if thread.name.startswith(prefix)]


def test_result(workers):
    """A task's result is in its future."""
    assert [workers.submit(pow, n, 2).result(5) for n in range(10)] == [n * n for n in range(10)]


def test_error(workers):
    """What a task raises is in its future, and the next task runs all the same."""
    with pytest.raises(ZeroDivisionError):
        workers.submit(lambda: 1 // 0).result(5)
    assert workers.submit(lambda: "fine").result(5) == "fine"


def test_exit_in_a_task_ends_no_worker(workers):
    """Even SystemExit stays inside the future."""
    with pytest.raises(SystemExit):
        workers.submit(exit, 3).result(5)
    assert workers.submit(lambda: "fine").result(5) == "fine"


def test_submit_after_close_is_cancelled(workers):
    """Closed workers run nothing and say so in the future."""
    ran = []
    workers.close(cancel=False)
    assert workers.submit(ran.append, 1).cancelled()
    assert not ran


def test_inline_runs_in_the_caller():
    """The future of inline workers is done when submit returns."""
    assert InlineWorkers().submit(threading.get_ident).result(0) == threading.get_ident()


def test_threads_start_with_the_first_task(threads):
    """Before the first task there is no thread that a fork could lose."""
    assert not named("test-")
    threads.submit(int).result(5)
    assert len(named("test-")) == 1


def test_idle_thread_is_used_again(threads):
    """A task that finds an idle thread starts no other one: its connection is warm."""
    threads.submit(int).result(5)
    while "1 idle" not in repr(threads):  # set a moment after the result
        pass

    assert threads.submit(threading.get_ident).result(5) == named("test-")[0].ident
    assert len(named("test-")) == 1


def test_tasks_run_in_parallel_up_to_count(threads):
    """Three tasks that wait for each other all end; a fourth thread never starts."""
    barrier = threading.Barrier(3)
    futures = [threads.submit(barrier.wait, 5) for _ in range(6)]
    assert sorted(future.result(5) for future in futures) == [0, 0, 1, 1, 2, 2]
    assert len(named("test-")) == 3


def test_close_finishes_what_waits():
    """Without cancel, every submitted task has run when close returns."""
    workers = ThreadWorkers(1, "test")
    done = []
    for n in range(100):
        workers.submit(done.append, n)
    workers.close(cancel=False)
    assert done == list(range(100))
    assert not named("test-")


def test_close_forgets_what_waits():
    """With cancel, the running task ends and the waiting ones never start."""
    workers = ThreadWorkers(1, "test")
    started, gate, ran = threading.Event(), threading.Event(), []
    running = workers.submit(lambda: (started.set(), gate.wait(5)))
    waiting = workers.submit(ran.append, 1)
    assert started.wait(5)

    closer = threading.Thread(target=workers.close, kwargs={"cancel": True})
    closer.start()
    gate.set()
    closer.join(5)

    assert running.done()
    assert waiting.cancelled()
    assert not ran
    assert not named("test-")


def test_threads_can_be_ready_before_the_first_task(threads):
    """As many as are asked for, but never more than there may be."""
    threads.warm(2)
    assert len(named("test-")) == 2
    threads.warm(99)
    assert len(named("test-")) == 3
    assert threads.submit(int).result(5) == 0


def test_threads_are_daemons(threads):
    """A request that hangs does not keep the process alive."""
    threads.submit(int).result(5)
    assert all(thread.daemon for thread in named("test-"))


def test_cancelled_task_does_not_run(threads):
    """A future cancelled while it waits is passed over."""
    gate, ran = threading.Event(), []
    blockers = [threads.submit(gate.wait, 5) for _ in range(3)]
    unwanted = threads.submit(ran.append, "unwanted")
    assert unwanted.cancel()
    gate.set()
    assert all(blocker.result(5) for blocker in blockers)
    threads.close(cancel=False)
    assert not ran


def test_no_workers_are_refused():
    """Zero workers would hang the first reader."""
    with pytest.raises(ValueError, match="0 workers"):
        ThreadWorkers(0, "test")
