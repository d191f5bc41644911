from __future__ import annotations

from oneprice.observe import News


def test_nothing_is_new_in_the_first_view(make) -> None:
    assert News().take(make.view()) == []


def test_books_that_go_the_same_way_are_told_of_together(make) -> None:
    news = News()
    names = ("gate-spot:BTC/USDT", "gate-spot:ETH/USDT", "mexc-spot:BTC/USDT")
    news.take(make.view(books=tuple(make.book(name) for name in names)))
    silent = tuple(make.book(name, "silent", "nothing came for 2.1 s") for name in names[:2])
    told = news.take(make.view(books=(*silent, make.book(names[2], "gap", "a frame could not be read"))))
    assert [tiding.text for tiding in told] == [
        "gate-spot 2 books live -> silent: nothing came for 2.1 s",
        "mexc-spot BTC/USDT live -> gap: a frame could not be read",
    ]
    assert not any(tiding.good for tiding in told)


def test_healing_is_good_news(make) -> None:
    news = News()
    news.take(make.view(books=(make.book(state="gap", why="down"),)))
    (tiding,) = news.take(make.view(books=(make.book(),)))
    assert tiding.good
    assert tiding.text == "gate-spot BTC/USDT gap -> live"


def test_a_lost_connection_says_why(make) -> None:
    news = News()
    news.take(make.view())
    (tiding,) = news.take(make.view(markets=(make.market(state="reconnecting", trouble="no frame and no pong"),)))
    assert tiding.text == "gate-spot open -> reconnecting: no frame and no pong"


def test_new_trouble_is_told_once(make) -> None:
    news = News()
    news.take(make.view())
    troubled = make.view(markets=(make.market(trouble="HTTP 503"),))
    assert [tiding.text for tiding in news.take(troubled)] == ["gate-spot: HTTP 503"]
    assert news.take(troubled) == []


def test_what_was_told_in_between_is_given_with_the_next_view_in_order(make) -> None:
    news = News()
    news.take(make.view())
    news.tell(make.wall_ns, "fault: gate is killed")
    told = news.take(make.view(books=(make.book(state="gap", why="down"),)))
    assert [tiding.text for tiding in told] == ["fault: gate is killed", "gate-spot BTC/USDT live -> gap: down"]
    assert news.take(make.view(books=(make.book(state="gap", why="down"),))) == []


def test_only_so_many_are_kept(make) -> None:
    news = News(kept=3)
    for number in range(10):
        news.tell(make.wall_ns, str(number))
    assert [tiding.text for tiding in news.tidings] == ["7", "8", "9"]
