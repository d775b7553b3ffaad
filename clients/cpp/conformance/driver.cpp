// The conformance driver for spread.hpp: requests in lines of JSON on standard
// input, an answer to each on standard output.
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>

#include "spread.hpp"
#include "support.h"

namespace {

using clock_type = std::chrono::steady_clock;

std::map<std::string, std::unique_ptr<spread::connection>> connections;

spread::connection &find(const request *r) {
    const auto found = connections.find(request_text(r, "c", ""));
    if (found == connections.end())
        throw spread::error(ILLEGAL_SESSION, "driver");
    return *found->second;
}

std::chrono::milliseconds limit(const request *r) {
    return std::chrono::milliseconds(request_number(r, "timeout_ms", 0));
}

void put(const std::string &text) { put_text(stdout, text.c_str(), text.size()); }

void put_list(const spread::names &list) {
    const char *between = "[";
    for (const std::string &name : list) {
        std::fputs(between, stdout);
        put(name);
        between = ",";
    }
    std::fputs(list.empty() ? "[]" : "]", stdout);
}

void put_id(const spread::view_id &id) { std::printf(",\"id\":[%d,%d,%d]", id[0], id[1], id[2]); }

const std::pair<const char *, spread::delivery> services[] = {
    {"unreliable", spread::delivery::unreliable}, {"reliable", spread::delivery::reliable},
    {"fifo", spread::delivery::fifo},             {"causal", spread::delivery::causal},
    {"agreed", spread::delivery::agreed},         {"safe", spread::delivery::safe},
};

spread::delivery service_of(const std::string &name) {
    for (const auto &s : services)
        if (name == s.first)
            return s.second;
    return {};
}

struct printer {
    void put_message(const char *kind, const spread::message &m) const {
        const char *service = "";
        for (const auto &s : services)
            if (s.second == m.service)
                service = s.first;
        std::printf("\"kind\":\"%s\",\"service\":\"%s\",\"sender\":", kind, service);
        put(m.sender);
        std::fputs(",\"groups\":", stdout);
        put_list(m.groups);
        std::printf(",\"type\":%d,\"endian_mismatch\":%s,\"self_discard\":%s,\"data_b64\":", m.type,
                    m.endian_mismatch ? "true" : "false", m.self_discard ? "true" : "false");
        put_base64(stdout, m.data.data(), m.data.size());
    }
    void operator()(const spread::message &m) const { put_message("regular", m); }
    void operator()(const spread::rejected &r) const {
        static const char *const requests[] = {"multicast", "join", "leave"};
        put_message("reject", r.message);
        std::printf(",\"request\":\"%s\"", requests[static_cast<int>(r.request)]);
    }
    void operator()(const spread::view &v) const {
        const char *cause = v.cause == spread::cause::join         ? "join"
                            : v.cause == spread::cause::leave      ? "leave"
                            : v.cause == spread::cause::disconnect ? "disconnect"
                                                                   : "network";
        std::fputs("\"kind\":\"membership\",\"group\":", stdout);
        put(v.group);
        put_id(v.id);
        std::printf(",\"cause\":\"%s\",\"members\":", cause);
        put_list(v.members);
        if (!v.changed.empty()) {
            std::fputs(",\"changed\":", stdout);
            put(v.changed);
        }
        std::printf(",\"own_set\":%zu,\"sets\":[", v.own_set);
        for (std::size_t i = 0; i < v.sets.size(); i++) {
            std::fputs(i > 0 ? "," : "", stdout);
            put_list(v.sets[i]);
        }
        std::fputs("]", stdout);
    }
    void operator()(const spread::transition &t) const {
        std::fputs("\"kind\":\"transition\",\"group\":", stdout);
        put(t.group);
        put_id(t.id);
    }
    void operator()(const spread::self_leave &s) const {
        std::fputs("\"kind\":\"self_leave\",\"group\":", stdout);
        put(s.group);
    }
};

void done() { std::fputs("{\"ok\":true}", stdout); }

void op_hello(const request *) {
    int major, minor, patch;
    SP_version(&major, &minor, &patch);
    std::printf("{\"ok\":true,\"language\":\"cpp\",\"client\":\"%d.%d.%d\","
                "\"features\":[\"unix\",\"poll\",\"threads\",\"any_group\",\"unix_path\",\"auth\"]}",
                major, minor, patch);
}

int agree(int, void *) { return 1; }

// NULL and IP exchange nothing.
void set_auth(const request *r) {
    const char *const *list;
    const std::size_t n = request_list(r, "auth", &list);
    const char *methods[3] = {"NULL"};
    int (*functions[3])(int, void *) = {agree, agree, agree};
    for (std::size_t i = 0; i < n && i < 3; i++)
        methods[i] = list[i];
    SP_set_auth_methods(n == 0 ? 1 : static_cast<int>(n), methods, functions, nullptr);
}

void op_connect(const request *r) {
    set_auth(r);
    spread::options o;
    o.name = request_text(r, "name", "");
    o.membership = request_flag(r, "membership");
    o.priority = request_flag(r, "priority");
    o.timeout = std::chrono::milliseconds(request_number(r, "timeout_ms", 5000));
    auto c = std::make_unique<spread::connection>(request_text(r, "daemon", ""), o);
    std::fputs("{\"ok\":true,\"private_group\":", stdout);
    put(c->private_group());
    const auto &v = c->daemon_version();
    std::printf(",\"daemon_version\":[%d,%d,%d]}", v[0], v[1], v[2]);
    connections[request_text(r, "c", "")] = std::move(c);
}

void op_join(const request *r) {
    find(r).join(request_text(r, "group", ""));
    done();
}

void op_leave(const request *r) {
    find(r).leave(request_text(r, "group", ""));
    done();
}

void op_multicast(const request *r) {
    const char *const *groups;
    const std::size_t n = request_list(r, "groups", &groups);
    std::size_t len;
    const std::unique_ptr<unsigned char, decltype(&std::free)> data(
        base64_decode(request_text(r, "data_b64", ""), &len), std::free);
    const std::string_view text(reinterpret_cast<const char *>(data.get()), len);
    const spread::names to(groups, groups + n);
    const spread::delivery service = service_of(request_text(r, "service", ""));
    const auto type = static_cast<std::int16_t>(request_number(r, "type", 0));
    const bool self_discard = request_flag(r, "self_discard");
    const long repeat = request_number(r, "repeat", 1);
    spread::connection &c = find(r);
    for (long i = 0; i < repeat; i++)
        if (n == 1)
            c.multicast(to[0], text, service, type, self_discard);
        else
            c.multicast(to, text, service, type, self_discard);
    std::printf("{\"ok\":true,\"sent\":%zu}", len * static_cast<std::size_t>(repeat));
}

void op_receive(const request *r) {
    const auto e = find(r).receive(limit(r));
    if (!e) {
        std::fputs("{\"ok\":false,\"error\":\"timeout\"}", stdout);
        return;
    }
    std::fputs("{\"ok\":true,\"message\":{", stdout);
    std::visit(printer{}, *e);
    std::fputs("}}", stdout);
}

void op_drain(const request *r) {
    const long count = request_number(r, "count", 0);
    const auto end = clock_type::now() + limit(r);
    clock_type::time_point first, last;
    std::size_t bytes = 0;
    sha256 digest;
    sha256_init(&digest);
    long n = 0;
    std::string problem = ",\"error\":\"timeout\"";
    try {
        spread::connection &c = find(r);
        while (n < count) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock_type::now());
            const auto e = c.receive(left);
            if (!e)
                break;
            const auto *m = std::get_if<spread::message>(&*e);
            if (!m)
                continue;
            sha256_add(&digest, m->sender.c_str(), m->sender.size() + 1);
            sha256_add(&digest, m->data.data(), m->data.size());
            last = clock_type::now();
            if (n++ == 0)
                first = last;
            bytes += m->data.size();
        }
    } catch (const spread::error &e) {
        problem = ",\"error\":" + std::to_string(e.code()) + ",\"text\":\"" + e.what() + "\"";
    }
    char hex[65];
    sha256_hex(&digest, hex);
    std::printf("{\"ok\":%s,\"count\":%ld,\"bytes\":%zu,\"seconds\":%.6f,\"digest\":\"%s\"%s}",
                n == count ? "true" : "false", n, bytes, std::chrono::duration<double>(last - first).count(), hex,
                n == count ? "" : problem.c_str());
}

void op_poll(const request *r) { std::printf("{\"ok\":true,\"bytes\":%d}", find(r).poll()); }

void op_disconnect(const request *r) {
    find(r).disconnect();
    done();
}

void op_abort(const request *r) {
    find(r).abort();
    done();
}

void op_close_wakes(const request *r) {
    spread::connection &c = find(r);
    int woken = 0;
    std::thread receiver([&] {
        try {
            for (;;)
                (void)c.receive();
        } catch (const spread::error &e) {
            woken = e.code();
        }
    });
    // Give the thread the time to wait; it is woken either way.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    c.disconnect();
    receiver.join();
    std::printf("{\"ok\":true,\"woken\":%d}", woken);
}

// Nobody reads unless asked to.
void op_nothing(const request *) { done(); }

const std::map<std::string, void (*)(const request *)> ops = {
    {"hello", op_hello},     {"connect", op_connect},       {"join", op_join},
    {"leave", op_leave},     {"multicast", op_multicast},   {"receive", op_receive},
    {"drain", op_drain},     {"poll", op_poll},             {"disconnect", op_disconnect},
    {"abort", op_abort},     {"close_wakes", op_close_wakes}, {"stall", op_nothing},
    {"resume", op_nothing},  {"exit", op_nothing},
};

void run(const request *r) {
    const auto op = ops.find(request_text(r, "op", ""));
    if (op == ops.end()) {
        std::fputs("{\"ok\":false,\"error\":\"unsupported\",\"reason\":\"no such operation\"}", stdout);
        return;
    }
    try {
        op->second(r);
    } catch (const spread::error &e) {
        const int code = e.code() == NET_ERROR_ON_SESSION ? CONNECTION_CLOSED : e.code();
        std::printf("{\"ok\":false,\"error\":%d,\"text\":", code);
        put(e.what());
        std::fputs("}", stdout);
    }
}

} // namespace

int main() {
    std::string line;
    bool more = true;
    while (more && std::getline(std::cin, line)) {
        const std::unique_ptr<request, decltype(&request_free)> r(request_parse(line.c_str()), request_free);
        if (r) {
            run(r.get());
            more = std::string(request_text(r.get(), "op", "")) != "exit";
        } else {
            std::fputs("{\"ok\":false,\"error\":\"not a request\"}", stdout);
        }
        std::fputs("\n", stdout);
        std::fflush(stdout);
    }
    for (auto &c : connections)
        c.second->abort();
    return 0;
}
