// spread.hpp with a daemon.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "spread.hpp"

namespace {

using namespace std::chrono_literals;

void check(bool ok, int line, const char *what) {
    if (ok)
        return;
    std::cerr << "live_test.cpp:" << line << ": " << what << '\n';
    std::exit(1);
}
#define CHECK(condition) check(condition, __LINE__, #condition)

template <class F> int code_of(F f) {
    try {
        f();
    } catch (const spread::error &e) {
        CHECK(*e.what() != 0);
        return e.code();
    }
    return 0;
}

template <class Event> Event expect(spread::connection &c) {
    auto e = c.receive(10s);
    CHECK(e.has_value());
    CHECK(std::holds_alternative<Event>(*e));
    return std::get<Event>(*e);
}

std::string daemon_name;
const std::string room = "cpp." + std::to_string(getpid());

void groups() {
    spread::connection a(daemon_name), b(daemon_name);
    CHECK(a.daemon_version()[0] >= 3);
    a.join(room);
    auto v = expect<spread::view>(a);
    CHECK(v.cause == spread::cause::join && v.members == spread::names{a.private_group()} && v.group == room);
    b.join(room);
    v = expect<spread::view>(a);
    CHECK(v.members.size() == 2 && v.changed == b.private_group());
    CHECK(expect<spread::view>(b).id == v.id);

    const std::string all("\0\xff any bytes", 12);
    b.multicast(room, all, spread::delivery::safe, -7);
    auto m = expect<spread::message>(a);
    CHECK(m.data == all && m.type == -7 && m.service == spread::delivery::safe && m.sender == b.private_group());
    CHECK(m.groups == spread::names{room} && !m.endian_mismatch && !m.self_discard);
    CHECK(expect<spread::message>(b).data == all);

    b.multicast({room, a.private_group()}, std::string(100000, 'x'), spread::delivery::agreed, 0, true);
    m = expect<spread::message>(a);
    CHECK(m.data.size() == 100000 && m.self_discard && m.groups.size() == 2);
    CHECK(!b.receive(0ms));
    CHECK(b.poll() == 0);
    b.multicast(spread::names(50, room), "many");
    CHECK(expect<spread::message>(a).groups.size() == 50);
    CHECK(expect<spread::message>(b).data == "many");

    CHECK(code_of([&] { b.multicast(room, std::string(200000, 'x')); }) == MESSAGE_TOO_LONG);
    CHECK(code_of([&] { b.multicast("", "x"); }) == ILLEGAL_GROUP);
    CHECK(code_of([&] { b.multicast(std::string(32, 'x'), "x"); }) == ILLEGAL_GROUP);
    CHECK(code_of([&] { b.multicast(spread::names(101, room), "x"); }) == ILLEGAL_MESSAGE);
    CHECK(code_of([&] { b.join("not a name"); }) == ILLEGAL_GROUP);

    b.leave(room);
    CHECK(expect<spread::self_leave>(b).group == room);
    CHECK(expect<spread::view>(a).cause == spread::cause::leave);
    b.disconnect();
    CHECK(b.native_handle() == -1);
    CHECK(code_of([&] { b.join(room); }) == ILLEGAL_SESSION);
    b.disconnect();
}

void refused() {
    CHECK(code_of([] { spread::connection c("junk"); }) == ILLEGAL_SPREAD);
    CHECK(code_of([] { spread::connection c("1@127.0.0.1"); }) == COULD_NOT_CONNECT);
    spread::options o;
    o.name = "cpp" + std::to_string(getpid() % 1000000);
    spread::connection first(daemon_name, o);
    CHECK(code_of([&] { spread::connection c(daemon_name, o); }) == REJECT_NOT_UNIQUE);
}

// The descriptor is readable if and only if there is something to receive.
void descriptor() {
    spread::connection c(daemon_name);
    pollfd p{c.native_handle(), POLLIN, 0};
    c.gather(1000);
    for (int i = 0; i < 3; i++)
        c.multicast(c.private_group(), "x");
    CHECK(::poll(&p, 1, 0) == 0);
    c.flush();
    for (int i = 0; i < 3; i++) {
        CHECK(::poll(&p, 1, 10000) == 1);
        expect<spread::message>(c);
    }
    CHECK(::poll(&p, 1, 0) == 0);
}

void threads() {
    constexpr int senders = 3, each = 300;
    spread::connection c(daemon_name);
    c.join(room);
    expect<spread::view>(c);
    std::vector<std::thread> all;
    for (int i = 0; i < senders; i++)
        all.emplace_back([&c, i] {
            for (int k = 0; k < each; k++)
                c.multicast(room, std::to_string(i), spread::delivery::agreed, static_cast<std::int16_t>(k));
        });
    int next[senders] = {};
    for (int i = 0; i < senders * each; i++) {
        const auto m = expect<spread::message>(c);
        CHECK(m.type == next[std::stoi(m.data)]++);
    }
    for (auto &t : all)
        t.join();
    // Those that wait are woken, by disconnect and by abort.
    for (int round = 0; round < 2; round++) {
        spread::connection d(daemon_name);
        std::vector<std::thread> waiting;
        std::atomic<int> woken{0};
        for (int i = 0; i < 3; i++)
            waiting.emplace_back([&] {
                const int code = code_of([&] { d.receive(); });
                CHECK(code == CONNECTION_CLOSED || code == ILLEGAL_SESSION);
                woken++;
            });
        if (round == 0)
            d.disconnect();
        else
            d.abort();
        for (auto &t : waiting)
            t.join();
        CHECK(woken == 3);
    }
}

// Waits until another thread waits for messages: what it can receive is gone.
void await_receiver(spread::connection &c, const char *text) {
    c.multicast(c.private_group(), text);
    do
        std::this_thread::sleep_for(1ms);
    while (c.poll() > 0);
}

// A time-out holds while another thread receives; and abort sends nothing.
void beside_a_receiver() {
    spread::connection a(daemon_name), b(daemon_name);
    b.join(room);
    expect<spread::view>(b);
    std::thread receiver([&] {
        CHECK(std::get<spread::message>(a.receive()).data == "one");
        CHECK(code_of([&] { a.receive(); }) == CONNECTION_CLOSED);
    });
    await_receiver(a, "one");
    CHECK(!a.receive(0ms).has_value());
    CHECK(!a.receive(5ms).has_value());
    a.gather(1000);
    a.multicast(room, "kept");
    a.abort();
    receiver.join();
    b.multicast(room, "behind");
    CHECK(expect<spread::message>(b).data == "behind");
}

// A daemon of one's own, which dies and comes back.
class own_daemon {
public:
    explicit own_daemon(const char *program) : program_(program) {
        sockaddr_in sa{};
        socklen_t len = sizeof sa;
        sa.sin_family = AF_INET;
        sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(bind(fd, reinterpret_cast<sockaddr *>(&sa), len) == 0);
        CHECK(getsockname(fd, reinterpret_cast<sockaddr *>(&sa), &len) == 0);
        close(fd);
        const std::string port = std::to_string(ntohs(sa.sin_port));
        name = port + "@127.0.0.1";
        CHECK(mkdtemp(dir_.data()) != nullptr);
        conf_ = dir_ + "/spread.conf";
        std::ofstream(conf_) << "Spread_Segment 127.0.0.255:" << port << " {\n own 127.0.0.1\n}\n";
        start();
    }
    ~own_daemon() {
        stop();
        unlink(conf_.c_str());
        rmdir(dir_.c_str());
    }
    void start() {
        pid_ = fork();
        if (pid_ == 0) {
            if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
                _exit(127);
            execl(program_, program_, "-c", conf_.c_str(), "-n", "own", static_cast<char *>(nullptr));
            _exit(127);
        }
    }
    void stop() {
        if (pid_ > 0) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
        pid_ = 0;
    }
    std::string name;

private:
    const char *program_;
    std::string dir_ = "/tmp/spreadtest.XXXXXX", conf_;
    pid_t pid_ = 0;
};

std::unique_ptr<spread::connection> connect_again(const std::string &name) {
    for (int i = 0; i < 500; i++)
        try {
            return std::make_unique<spread::connection>(name);
        } catch (const spread::error &e) {
            CHECK(e.lost() || e.code() == COULD_NOT_CONNECT);
            ::poll(nullptr, 0, 20);
        }
    CHECK(false);
    return nullptr;
}

void restarted() {
    const char *program = std::getenv("SPREAD_TEST_SPREAD");
    if (!program || !*program) {
        std::cout << "no program in SPREAD_TEST_SPREAD: no daemon is restarted\n";
        return;
    }
    own_daemon d(program);
    for (int round = 0; round < 2; round++) {
        auto c = connect_again(d.name);
        c->join(room);
        expect<spread::view>(*c);
        c->multicast(room, "hello");
        CHECK(expect<spread::message>(*c).data == "hello");
        d.stop();
        try {
            c->receive();
            CHECK(false);
        } catch (const spread::error &e) {
            CHECK(e.lost());
        }
        CHECK(code_of([&] { c->multicast(room, "hello"); }) == NET_ERROR_ON_SESSION);
        d.start();
    }
}

} // namespace

int main() {
    const char *name = std::getenv("SPREAD_TEST_DAEMON");
    if (!name || !*name) {
        std::cout << "no daemon in SPREAD_TEST_DAEMON: live tests are skipped\n";
        return 0;
    }
    daemon_name = name;
    groups();
    refused();
    descriptor();
    threads();
    beside_a_receiver();
    restarted();
    return 0;
}
