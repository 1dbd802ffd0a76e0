// The report as one page: the figures as JSON in it, and the script that draws them as SVG.
#include "bots/report.hpp"

#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace cm::bots {
namespace json = boost::json;

namespace {

constexpr std::string_view kHead = R"page(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>cellmesh bots</title>
<style>
:root{--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#6a7686;--line:#e3e7ec;--good:#157f4b;--bad:#c0392b;--a:#2563eb;--b:#e07b00;--c:#0d9488;--d:#9333ea;--e:#c0392b}
@media(prefers-color-scheme:dark){:root{--bg:#11151b;--card:#1a2029;--ink:#e5eaf0;--soft:#93a0b0;--line:#2b333e;--good:#3ecf8e;--bad:#ff7b6b;--a:#6ea0ff;--b:#ffab4a;--c:#3fd0c1;--d:#c08bff;--e:#ff7b6b}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
header{display:flex;gap:18px;align-items:center;flex-wrap:wrap;margin-bottom:20px}
h1{font-size:22px;margin:0;letter-spacing:-.01em}h2{font-size:15px;margin:0 0 10px}
.verdict{padding:6px 16px;border-radius:999px;color:#fff;font-weight:700;text-transform:uppercase;letter-spacing:.06em;font-size:14px}
.pass{background:var(--good)}.fail{background:var(--bad)}.why{color:var(--soft);flex-basis:100%;margin-top:-8px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px;margin-bottom:16px}
.card,.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px}
.tile b{display:block;font-size:21px;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:16px;margin-bottom:16px}
.wide{margin-bottom:16px;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--soft);font-weight:500;font-size:13px}td,th{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}.n{text-align:right}.ok{color:var(--good);font-weight:600}.no{color:var(--bad);font-weight:600}
.ex{color:var(--soft);font-size:13px}svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font-size:11px}
.legend{display:flex;gap:14px;flex-wrap:wrap;font-size:13px;color:var(--soft);margin-top:6px}.legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:5px}
.bar{background:var(--b);height:10px;border-radius:3px}
@media(max-width:480px){.grid{grid-template-columns:1fr}}
</style></head><body><main id="page"></main>
<script id="data" type="application/json">)page";

constexpr std::string_view kScript = R"page(</script>
<script>
"use strict";
const D=JSON.parse(document.getElementById("data").textContent),page=document.getElementById("page");
const C=["var(--a)","var(--b)","var(--c)","var(--d)","var(--e)"];
const esc=s=>String(s).replace(/[&<>"]/g,c=>({"&":"&amp;","<":"&lt;",">":"&gt;",'"':"&quot;"}[c]));
const big=n=>n>=1e6?(n/1e6).toFixed(n>=1e7?1:2)+" M":n>=1e4?(n/1e3).toFixed(1)+" k":n>=100?String(Math.round(n)):String(+(+n).toFixed(1));
const us=n=>n<1e3?Math.round(n)+" µs":n<1e6?(n/1e3).toFixed(n<1e4?2:1)+" ms":(n/1e6).toFixed(2)+" s";
function nice(m){if(m<=0)return 1;const p=10**Math.floor(Math.log10(m));for(const k of[1,2,2.5,5,10])if(k*p>=m)return k*p}
function plot(title,series,fmt,log){
  const W=560,H=230,L=58,R=12,T=10,B=26,xs=series.flatMap(s=>s.p.map(p=>p[0])),ys=series.flatMap(s=>s.p.map(p=>p[1]));
  if(!xs.length)return"";
  const x1=Math.max(...xs,1),top=log?10**Math.ceil(Math.log10(Math.max(...ys,10))):nice(Math.max(...ys));
  const low=log?10**Math.floor(Math.log10(Math.max(1,Math.min(...ys.filter(y=>y>0),top/10)))):0;
  const X=x=>L+(W-L-R)*x/x1,Y=y=>log?H-B-(H-T-B)*Math.log(Math.max(y,low)/low)/Math.log(top/low):H-B-(H-T-B)*y/top;
  let g="";const marks=log?Array.from({length:Math.round(Math.log10(top/low))+1},(_,i)=>low*10**i):[0,.25,.5,.75,1].map(f=>f*top);
  for(const m of marks)g+=`<line x1="${L}" x2="${W-R}" y1="${Y(m)}" y2="${Y(m)}" stroke="var(--line)"/><text x="${L-7}" y="${Y(m)+4}" text-anchor="end">${fmt(m)}</text>`;
  for(let i=0;i<=5;i++)g+=`<text x="${X(x1*i/5)}" y="${H-6}" text-anchor="middle">${Math.round(x1*i/5)} s</text>`;
  series.forEach((s,i)=>{if(s.p.length)g+=`<polyline fill="none" stroke="${C[i%5]}" stroke-width="1.8" stroke-linejoin="round" points="${s.p.map(p=>X(p[0]).toFixed(1)+","+Y(p[1]).toFixed(1)).join(" ")}"/>`+(s.p.length===1?`<circle cx="${X(s.p[0][0])}" cy="${Y(s.p[0][1])}" r="3" fill="${C[i%5]}"/>`:"")});
  return`<div class="card"><h2>${esc(title)}</h2><svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${esc(title)}">${g}</svg><div class="legend">${series.map((s,i)=>`<span><i style="background:${C[i%5]}"></i>${esc(s.n)}</span>`).join("")}</div></div>`}
function bars(title,h){
  const W=560,H=190,L=58,R=12,T=10,B=40;if(!h.length)return"";
  const top=nice(Math.max(...h.map(b=>b[1]))),w=(W-L-R)/h.length;let g="";
  for(const f of[0,.5,1])g+=`<line x1="${L}" x2="${W-R}" y1="${H-B-(H-T-B)*f}" y2="${H-B-(H-T-B)*f}" stroke="var(--line)"/><text x="${L-7}" y="${H-B-(H-T-B)*f+4}" text-anchor="end">${big(f*top)}</text>`;
  h.forEach((b,i)=>{const y=(H-T-B)*b[1]/top;g+=`<rect x="${(L+i*w+1).toFixed(1)}" y="${(H-B-y).toFixed(1)}" width="${Math.max(1,w-2).toFixed(1)}" height="${y.toFixed(1)}" rx="2" fill="var(--a)"><title>from ${us(b[0])}: ${b[1]}</title></rect>`;
    if(i%Math.ceil(h.length/7)===0)g+=`<text x="${Math.min(L+i*w+w/2,W-26).toFixed(1)}" y="${H-B+16}" text-anchor="middle">${us(b[0])}</text>`});
  return`<div class="card"><h2>${esc(title)}</h2><svg viewBox="0 0 ${W} ${H}" role="img" aria-label="${esc(title)}">${g}</svg></div>`}
const S=D.samples,per=k=>S.map(s=>[s.at,s.seconds>0?s[k]/s.seconds:0]);
const names=Object.keys(D.latencies),entry=o=>Object.entries(o);
let out=`<header><h1>cellmesh bots</h1><span class="verdict ${D.verdict}">${D.verdict}</span><div class="why">${esc(D.why)}</div></header>`;
const tile=(v,t)=>`<div class="tile"><b>${v}</b><span>${t}</span></div>`;
out+=`<div class="tiles">${tile(big(D.robots),"robots")}${tile(D.seconds.toFixed(1)+" s","took")}${tile(big(D.entered),"logins")}${tile(big(D.sent),"messages sent")}${tile(big(D.received),"received")}${tile(big(D.deliveries),"lines compared")}${tile(big(D.errors),"errors")}${tile((D.cpu_seconds/Math.max(D.seconds,1e-9)*100).toFixed(0)+" %","of a core, here")}${tile(((D.memory_kib-D.memory_kib_before)/Math.max(D.robots,1)).toFixed(1)+" KiB","a robot, here")}</div>`;
out+=`<div class="card wide"><h2>Checks</h2><table><tr><th></th><th>what</th><th class="n">held</th><th class="n">did not</th></tr>${entry(D.checks).map(([n,c])=>`<tr><td class="${c.failed?"no":"ok"}">${c.failed?"✗":"✓"}</td><td>${esc(n)}${c.examples.map(e=>`<div class="ex">${esc(e)}</div>`).join("")}</td><td class="n">${c.held}</td><td class="n">${c.failed}</td></tr>`).join("")}</table></div>`;
out+=`<div class="grid">`+plot("Robots that are in",[{n:"online",p:S.map(s=>[s.at,s.online])}],big)
  +plot("Messages a second",[{n:"sent",p:per("sent")},{n:"received",p:per("received")}],big)
  +plot("Logins and errors a second",[{n:"logins",p:per("entered")},{n:"errors",p:per("errors")}],big);
for(const n of names){const of=k=>S.filter(s=>s.latencies[n]).map(s=>[s.at,Math.max(1,s.latencies[n][k])]);
  out+=plot("Latency of "+n,[{n:"median",p:of("p50_us")},{n:"99 %",p:of("p99_us")},{n:"worst",p:of("max_us")}],us,true)+bars("How long "+n+" took",D.histograms[n])}
out+=`</div>`;
if(names.length)out+=`<div class="card wide"><h2>Latencies</h2><table><tr><th>of</th>${["count","mean","50 %","90 %","99 %","99.9 %","worst"].map(h=>`<th class="n">${h}</th>`).join("")}</tr>${entry(D.latencies).map(([n,l])=>`<tr><td>${esc(n)}</td><td class="n">${l.count}</td>${["mean_us","p50_us","p90_us","p99_us","p999_us","max_us"].map(k=>`<td class="n">${us(l[k])}</td>`).join("")}</tr>`).join("")}</table></div>`;
const errs=entry(D.errors_by_kind).sort((a,b)=>b[1].count-a[1].count),most=Math.max(1,...errs.map(e=>e[1].count));
out+=`<div class="card wide"><h2>Errors by kind</h2>${errs.length?`<table>${errs.map(([k,e])=>`<tr><td>${esc(k)}<div class="ex">${esc(e.example)}</div></td><td class="n">${e.count}</td><td style="width:40%"><div class="bar" style="width:${Math.max(1,100*e.count/most)}%"></div></td></tr>`).join("")}</table>`:"<span class=ex>none</span>"}</div>`;
const two=(t,o)=>entry(o).length?`<div class="card"><h2>${t}</h2><table>${entry(o).map(([k,v])=>`<tr><td>${esc(k)}</td><td class="n">${esc(v)}</td></tr>`).join("")}</table></div>`:"";
out+=`<div class="grid">${two("Parameters",D.parameters)}${two("Counters",D.counters)}</div>`;
page.innerHTML=out;
</script></body></html>
)page";

}  // namespace

std::string to_html(const Report& report) {
  json::object data = to_json(report);
  json::object histograms;
  for (const auto& [name, histogram] : report.series) {
    json::array buckets;
    for (const auto& bucket : histogram.plot()) buckets.push_back(json::array{bucket.from, bucket.count});
    histograms[name] = std::move(buckets);
  }
  data["histograms"] = std::move(histograms);
  // A "</script>" in a text must not end the script that holds it.
  std::string text = json::serialize(data);
  for (std::size_t at = 0; (at = text.find("</", at)) != std::string::npos; at += 3) text.replace(at, 2, "<\\/");
  for (std::size_t at = 0; (at = text.find("<!", at)) != std::string::npos; at += 7) text.replace(at, 2, "<\\u0021");
  return std::string(kHead) + text + std::string(kScript);
}

}  // namespace cm::bots
