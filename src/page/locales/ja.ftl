# 日本語。

direction = ltr
language = 日本語
error-prefix = エラー：
help = お困りですか？
request-id = リクエスト ID：{ $id }
moment = { $year }年{ $month }月{ $day }日 { $clock }（{ $zone }）
device = { $browser }（{ $system }）
device-unknown = 不明なデバイス
try-again = もう一度試す
sign-in-again = サインイン
back-to-portal = ポータルに戻る
copy = コピー
copied = コピーしました
nav-label = ポータル
nav-you = アカウント
nav-devices = デバイス
nav-tools = ツール

## サインイン

logon-title = サインイン
logon-lead = このデバイスからインターネットを利用できるようにします。
logon-lead-place = サインイン後の移動先：
logon-account = アカウント
logon-hint = 例：{ $example }
logon-continue = ログオン
logon-next = 次に、所属組織のサインインページが開きます。パスワードはここではなく、そのページで入力します。
logon-or = または
logon-guest = ゲストとして続ける
logon-which = どの名前を入力すればよいですか？
logon-which-lead = 所属組織で使われている名前を、ドメインも含めて入力してください。次のいずれの形式も使えます。

mistake-empty = アカウント名を入力してください（例：{ $example }）。
mistake-too-long = アカウント名としては長すぎます。{ $example } のような形式で入力してください。
mistake-no-domain = ドメインがありません。{ $example } のように、名前全体を入力してください。
mistake-no-account = ドメインの前の名前がありません。{ $example } のように、名前全体を入力してください。
mistake-bad-domain = 組織を表す部分が有効なドメインではありません。名前全体は { $example } のような形式です。
mistake-bad-character = アカウント名に使えない文字が含まれています。{ $example } のような形式で入力してください。
mistake-not-enabled = このドメインでのサインインは、まだ有効になっていません。開始時期はヘルプデスクにお問い合わせください。
mistake-unknown-domain = このポータルはそのドメインに対応していません。つづりをご確認ください。名前全体は { $example } のような形式です。
mistake-unclear = この形式の名前はここでは使えません。職場アカウントにサインインするときの名前（例：{ $example }）を入力してください。

note-expired = このリンクは 1 時間以上前のもので、開こうとしたアドレスが分からなくなりました。サインインしてから、もう一度開いてください。
note-broken = 開こうとしたアドレスを読み取れませんでした。サインインしてから、もう一度開いてください。
note-form-expired = このページは長い間開かれたままでした。もう一度「ログオン」を押してください。
note-form-foreign = フォームがこのページから送られたものではないため、安全のため何も送信しませんでした。もう一度「ログオン」を押してください。
note-no-cookie = サインインに必要な、このサイトの Cookie がブラウザーに保存されていません。このサイトの Cookie を許可してから「ログオン」を押してください。
note-unsent = サインインしていなかったため、入力されたフォームは送信されていません。サインインすると、送信の方法が表示されます。
note-expired-signed-in = サインインしています。このリンクは 1 時間以上前のもので、開こうとしたアドレスが分からなくなりました。もう一度開いてください。
note-other-client = サインインしています。このリンクは別のデバイスまたは別の接続用に作られたものなので、ここから先へは進めません。目的のアドレスをもう一度開いてください。
note-used = このサインインは既に使われたか、時間がかかりすぎました。ここからもう一度始めてください。
note-tile = 選ばれたタイルからこのページに移動しました。サインインはここから始まります。アカウント名を入力して進んでください。所属組織に既にサインインしている場合は、ほかに何も求められません。
note-unsolicited = 所属組織のアプリケーション一覧からサインインしました。ご自分のアカウントでない場合は、ここでサインアウトしてください。
note-welcome-back = 既にサインインしています。ほかに必要な操作はありません。
note-other-person = { $typed } と入力されましたが、{ $asserted } としてサインインしました。ご本人でない場合は、ここでサインアウトしてください。

## サインイン済み

signed-in-title = サインイン済みです
signed-in-lead = お名前：
signed-in-go-on = { $place } に進む
signed-in-account = アカウント情報
signed-in-name = アカウント
signed-in-since = サインイン日時
signed-in-until = 有効期限
signed-in-devices = サインインしている場所
signed-in-here = このデバイス
signed-in-device-since = { $moment } から
signed-in-more = ほか { $count } 件
sign-out-here = ここでサインアウト
sign-out-there = そのデバイスでサインアウト
sign-out-everywhere = すべての場所でサインアウト
certificate-link = このデバイスの設定：証明書のインストール

signed-in-left = セッションの残り時間は { $hours } 時間 { $minutes } 分です。
signed-in-renew = 今すぐ延長する
connected-back = 元のページに戻ることができます。
connected-reload = 元のタブのページは自動的に再読み込みされます。されない場合は、そのタブで再読み込みしてください。このページは閉じてかまいません。
connected-account = アカウントとデバイス
connected-visit = ゲスト利用の状況
signed-in-guest-title = ゲストとして利用しています
signed-in-guest-lead = アカウントをお持ちの方だけが利用できるサイトもあります。
signed-in-as-guest = ゲストとしてご利用中です
guest-visit = ゲスト利用の状況
guest-since = 開始
guest-until = 終了予定
guest-end = 利用を終了する
guest-left = ゲスト利用の残り時間は { $hours } 時間 { $minutes } 分です。
guest-renew = 利用を続ける

guest-title = ゲストとして続ける
guest-lead = アカウントなしでインターネットを利用します。
guest-terms = 利用規約
guest-accept = 規約を読み、同意します。
guest-missing = ゲストとして続けるには、規約に同意してください。
guest-facts = アカウントをお持ちですか？
guest-account = アカウントでサインイン

signed-out-title = サインアウトしました
signed-out-lead = これから開くページは、お名前と結び付けられません。
signed-out-everywhere = どのデバイスでもサインインしていない状態になりました。
signed-out-here = このサーバーではサインアウトが完了し、維持されます。現在、ほかのサーバーと共有しているストアに接続できないため、ほかのサーバーにはストアが復旧してから反映されます。それまでは、このブラウザーの以前の Cookie を持つ人が、別のサーバーで利用を続けられる可能性があります。
signed-out-fleetingly = このサーバーではサインアウトしましたが、ストアにもディスクにも書き込めないため、現在は記録できません。ほかのサーバーと再起動後のサーバーには、ストアが復旧してから反映されます。念のため後でもう一度サインアウトし、ヘルプデスクにお知らせください。
signed-out-guest-title = ゲスト利用が終了しました
signed-out-guest-lead = このデバイスは、ゲストとしては接続できなくなりました。
signed-out-provider-too = 所属組織のサインインページからもサインアウトしました。
signed-out-provider-unconfirmed = 所属組織のサインインページからもサインアウトしたことを確認できませんでした。共有のコンピューターでは、ブラウザーのウィンドウをすべて閉じてください。
signed-out-provider = 所属組織のサインインページでは、まだサインインしたままの可能性があります。共有のコンピューターでは、ブラウザーのウィンドウもすべて閉じてください。

## ルールによる拒否

denied-title = このサイトはブロックされています
denied-lead = は、ここでは許可されていません。
denied-rule = ブロックの理由
denied-blocked-list = ブロック対象サイトの一覧
denied-default = このサイトを許可するルールがありません
denied-unidentified = このサイトはサインインした方だけが利用できます
denied-offline = 現在どなたもサインインできず、このサイトにはサインインが必要です
denied-user = サインイン中のアカウント
denied-as-guest = ゲスト
denied-next = 業務でこのサイトが必要な場合は、ルール名とリクエスト ID を添えてヘルプデスクにお問い合わせください。
denied-review-lead = 業務でこのサイトが必要な場合は、利用を申請できます。
denied-review = 利用を申請する
denied-pass = 必要な手順を見る
denied-pass-lead = 先に進む前に、ルールが求めていることがあります。
denied-ask = ヘルプデスクに問い合わせる
denied-guest = ゲストとして利用しています。アカウントをお持ちの方だけが利用できるサイトもあります。
denied-mail-subject = ブロックされたサイト：{ $site }
denied-mail =
    サイト：{ $site }
    ブロックの理由：{ $rule }
    リクエスト ID：{ $id }

## 送信されなかったフォーム

handover-sign-in = サインインに進みます
handover-sign-out = サインアウトに進みます
handover-lead = 自動的に進みます。進まない場合は、ボタンを押してください。
handover-continue = 続ける

unsent-title = フォームは送信されませんでした
unsent-lead = サインインしていない状態でフォームが送信されました。送信先：
unsent-lead-halted = ルールにより、フォームの送信が止められました。送信先：
unsent-what = 送信されなかったもの
unsent-method = フォーム（{ $method }）
unsent-where = 送信先
unsent-next = 内容はサイトに届いていません。ブラウザーの「戻る」でフォームに戻るか、サイトに進んで、もう一度送信してください。現在はサインインしているので届きます。入力した内容は、ほとんどのブラウザーに残っています。
unsent-next-halted = 内容はサイトに届いていません。ブラウザーの「戻る」でフォームに戻るか、サイトに進んで、もう一度送信してください。今度は届きます。入力した内容は、ほとんどのブラウザーに残っています。
unsent-go-on = { $place } に進む

## Cookie

cookies-title = Cookie がブラウザーに保存されません
cookies-lead = サインインしていますが、それを示す Cookie がこのサイトのページから戻ってきません。
cookies-steps =
    このサイトの Cookie を、少なくともブラウザーを閉じるまでの間は許可してください。
    Cookie を削除する拡張機能を無効にするか、このサイトを例外にしてください。
    プライベートウィンドウをお使いの場合は、通常のウィンドウでお試しください。
contradict-title = 別のサイトの Cookie が妨げになっています
contradict-lead = サインインしていますが、別のサイトが当方と同じ名前の Cookie をこのサイトにも設定しており、互いに矛盾しています。削除を試みましたが、できませんでした。
contradict-steps =
    ブラウザーの設定で、このサイトとその上位ドメインの Cookie を削除してください。
    もう一度ページを開いてください。
    再び起こる場合は、そのドメインのいずれかのページが Cookie を設定し続けています。このページのアドレスをヘルプデスクにお知らせください。

## サイトへの接続で起きた問題

problem-why = 考えられる原因
problem-next = 対処方法

error-name-not-found = サイトが見つかりません
    .what = この名前のサイトはありません。
    .why = 名前のつづりが間違っているか、サイトが移転または閉鎖された可能性があります。
    .next = アドレスのつづりをご確認ください。正しい場合は、数分後にもう一度お試しください。
error-refused = サイトが応答しません
    .what = サイトのコンピューターが接続を拒否しました。
    .why = サイトが停止しているか、このアドレスとポートでは何も動いていない可能性があります。
    .next = 数分後にもう一度お試しください。このサイトだけの問題であれば、サイトの運営者による対応が必要です。
error-timed-out = サイトの応答に時間がかかりすぎました
    .what = サイトから時間内に応答がありませんでした。
    .why = サイトが混雑しているか停止している、または途中のネットワークが遅い可能性があります。
    .next = 数分後にもう一度お試しください。
error-certificate = サイトの身元を確認できません
    .what = サイトの証明書が有効ではないため、サイトには何も送信していません。
    .why = 証明書の期限が切れているか、別の名前用のものか、または誰かがこのサイトになりすましている可能性があります。
    .next = このサイトには何も送信しないでください。後でもう一度お試しいただき、続く場合はヘルプデスクにお知らせください。
error-unreachable = サイトに到達できません
    .what = このサイトへのネットワーク経路がありません。
    .why = サイト、または途中のネットワークが停止している可能性があります。
    .next = ほかのサイトをお試しください。どのサイトも開けない場合はヘルプデスクにお知らせください。開ける場合は、数分後にもう一度お試しください。
error-connection-lost = 接続が切れました
    .what = 応答が終わる前に、サイトが接続を切りました。
    .why = サイトが再起動したか、途中のネットワークに障害が起きた可能性があります。
    .next = もう一度お試しください。
error-bad-answer = サイトの応答を理解できません
    .what = サイトから、有効な応答ではないものが送られてきました。
    .why = サイトのソフトウェアに不具合があるか、アドレスがウェブサイトのものではない可能性があります。
    .next = アドレスをご確認ください。正しい場合は、サイトの運営者による対応が必要です。
error-not-allowed = このアドレスは許可されていません
    .what = この名前は内部または特殊なアドレス、あるいはプロキシ自身のマシンにつながるため、プロキシは接続しません。
    .itself = 内部または特殊なアドレス、あるいはプロキシ自身のマシンのアドレスなので、プロキシは接続しません。
    .why = プロキシが置かれているネットワークを保護するためです。
    .next = 業務でこのアドレスが必要な場合は、リクエスト ID を添えてヘルプデスクにお問い合わせください。
error-direct = サインインしていません。ここではサインインを求められません
    .what = ブラウザーはこのアドレスにプロキシを通さずに接続するため、プロキシはこのアドレスのためにサインインを求めません。
    .why = そうしないと、このアドレスへのリンクを使って、他の人があなたになりすますおそれがあります。
    .next = 組織のプロキシ構成ファイルを使用してください。ブラウザーはこのアドレスを直接開きます。または、先に公開サイトを開いてサインインし、戻ってきてください。
error-port-not-allowed = ポート { $port } は許可されていません
    .what = プロキシはポート { $port } には接続しません。
    .why = 保護を回避するために使われることがあるため、ウェブサイトの通常のポートだけが開かれています。
    .next = アドレスをご確認ください。業務でこのポートが必要な場合は、リクエスト ID を添えてヘルプデスクにお問い合わせください。
error-parent = 途中にある別のプロキシを利用できません
    .what = このプロキシは別のプロキシを通ってサイトに接続しますが、そのプロキシを現在利用できません。
    .why = 別のプロキシが停止しているか、双方の設定が合っていない可能性があります。
    .next = 数分後にもう一度お試しください。続く場合は、リクエスト ID をヘルプデスクにお知らせください。
error-parent-denied = 途中にある別のプロキシがこのサイトを許可していません
    .what = このプロキシは別のプロキシを通ってサイトに接続しますが、そのプロキシは接続を許可していません。
    .why = 別のプロキシには独自のルールがあります。
    .next = 業務でこのサイトが必要な場合は、リクエスト ID を添えてヘルプデスクにお問い合わせください。
error-loop = リクエストがプロキシに戻ってきました
    .what = このリクエストは既にここを通っています。
    .why = 2 つのプロキシが互いにリクエストを送り合っているか、アドレスがプロキシ自身のものです。
    .next = リクエスト ID をヘルプデスクにお知らせください。設定の修正が必要です。
error-too-large = リクエストが大きすぎます
    .what = リクエストまたはそのヘッダーが、プロキシの上限を超えています。
    .why = 1 つのサイトの Cookie が非常に多い、または大きい場合に起こります。
    .next = このサイトの Cookie を削除してから、もう一度お試しください。
error-bad-request = リクエストを理解できません
    .what = ブラウザーまたはプログラムから、有効なリクエストではないものが送られてきました。
    .why = プログラムに不具合があるか、アドレスの書き方が間違っている可能性があります。
    .next = アドレスを確認して、もう一度お試しください。
error-busy = プロキシが混み合っています
    .what = 現在、リクエストが多すぎます。
    .why = 多くの方がプロキシを利用しているか、このデバイスが非常に多くのリクエストを送っています。
    .next = 1 分ほど待ってから、もう一度お試しください。
error-exhausted = 上限に達しました
    .what = 組織の規則により、利用できる量が制限されています。
    .why = 直前のリクエストがその規則で許される数を超えたか、同時に開いている接続が多すぎます。
    .next = 少し待ってから、もう一度お試しください。頻繁に起こる場合は、リクエスト ID をヘルプデスクにお知らせください。
error-internal = プロキシで問題が発生しました
    .what = プロキシがリクエストの処理を完了できませんでした。
    .why = お客様ではなく、こちら側の障害です。
    .next = もう一度お試しください。繰り返す場合は、リクエスト ID をヘルプデスクにお知らせください。

## ポータルで起きた問題

sign-in-refused = サインインを受け付けられませんでした
    .what = サインインページからの応答を受け付けられなかったため、サインインしていません。
    .why = 応答が既に使われたか、時間がかかりすぎたか、このブラウザーのものではない可能性があります。
    .next = もう一度始めてください。繰り返す場合は、リクエスト ID をヘルプデスクにお知らせください。
sign-in-clock = 時計が合っていません
    .what = サインインページからの応答の日時が未来になっているため、サインインしていません。
    .why = このポータルまたはサインインページの時計がずれています。お使いのデバイスの時計は関係ありません。
    .next = リクエスト ID をヘルプデスクにお知らせください。時計の調整が必要です。
sign-in-too-late = サインインに時間がかかりすぎました
    .what = サインインページからの応答の有効期限が切れたため、サインインしていません。
    .why = ページが長い間開かれていたか、古い応答がもう一度送られました。
    .next = もう一度始めてください。すぐに繰り返す場合は、リクエスト ID をヘルプデスクにお知らせください。時計がずれている可能性があります。
sign-in-other-person = 別のアカウントでサインインしました
    .what = サインインページのアカウントが、ここで入力されたものと異なるため、サインインしていません。
    .why = 所属組織のサインインページで、別のアカウントがサインインしたままになっていました。
    .next = もう一度始めて、サインインページで正しいアカウントを選んでください。プライベートウィンドウでは、ほかのアカウントはサインインしていません。
proof-other-person = 別のアカウントでサインインしました
    .what = サインインページのアカウントが、ここでサインインしているものと異なるため、何も変更していません。
    .why = このページでは、ここでサインインしているご本人であることをもう一度確認する必要があります。
    .next = もう一度始めて、ここでサインインしているアカウントを選んでください。ご自分のアカウントでない場合は、先にポータルでサインアウトしてください。
proof-not-anew = サインインページで再確認が行われませんでした
    .what = サインインしたままですが、目的のページには新たなサインインが必要です。今回のものは新たなサインインではありませんでした。
    .why = 所属組織のサインインページが、確認を求めずに以前のサインインで応答しました。
    .next = もう一度始めてください。繰り返す場合は、リクエスト ID をヘルプデスクにお知らせください。
sign-in-not-asked = サインインページで確認が行われませんでした
    .what = ここでは毎回新たにサインインする必要がありますが、今回のものは新たなサインインではないため、サインインしていません。
    .why = 所属組織のサインインページが、確認を求めずに以前のサインインで応答しました。
    .next = もう一度始めてください。繰り返す場合は、リクエスト ID をヘルプデスクにお知らせください。このレルムには force_authn が設定されていますが、サインインページがそれに従っていません。
sign-in-other-way = 求められている方法とは異なる方法でサインインしました
    .what = サインインは成功しましたが、所属組織がここで求めている確認方法ではないため、サインインしていません。
    .why = たとえば、第 2 要素が必要なのにパスワードだけでサインインした場合や、パスワードが必要なのにセキュリティキーを使った場合です。
    .next = もう一度始めて、サインインページで別の方法を選んでください。ほかの方法がない場合は、リクエスト ID をヘルプデスクにお知らせください。求められている方法は、このレルムの authn_context、またはそれを求める規則の authn_context に記載されています。
sign-in-foreign-name = アカウントが別のドメインのものです
    .what = サインインは成功しましたが、返された名前が、このサインインページの扱えるドメインのものではないため、サインインしていません。
    .why = 各サインインページは、自らのドメインの人だけを示すことができます。そうでなければ、ある組織の人が別の組織の人になりすませてしまいます。
    .next = 所属組織のアドレスで、もう一度始めてください。このアカウントで利用できるはずの場合は、リクエスト ID をヘルプデスクにお知らせください。管理者は、そのドメインをこのレルムの domains に、ゲストの場合は foreign_names に追加できます。
sign-in-no-name = サインインページから名前が届きませんでした
    .what = サインインは成功しましたが、このポータルで使える名前が応答に含まれていないため、サインインしていません。
    .why = 名前を示すクレームがないか、空であるか、複数の値を持つか、サインインのたびに変わります。
    .next = もう一度始めても変わりません。リクエスト ID をヘルプデスクにお知らせください。管理者は vestibule test-sso で該当するクレームを確認し、ID プロバイダーまたはこのレルムの identity_claims で修正できます。
sign-in-other-tenant = アカウントが別のテナントのものです
    .what = サインインは成功しましたが、ここで必要なテナントのアカウントではないため、サインインしていません。
    .why = アカウントのテナントを示すクレームがないか、別のテナントを示しています。
    .next = もう一度始めて、この組織のアカウントを選んでください。それでも同じ場合は、リクエスト ID をヘルプデスクにお知らせください。テナントはこのレルムの require_tenant にあります。
sign-in-foreign = このサインインはこのブラウザーで始められたものではありません
    .what = サインインがここで始められていないため、サインインしていません。
    .why = リンクが別のブラウザーで開かれたか、途中で Cookie が削除されたか、誰かからリンクが送られた可能性があります。
    .next = このブラウザーでもう一度始めてください。
sign-out-refused = サインアウトを受け付けられませんでした
    .what = サインアウトに関するメッセージを受け付けられなかったため、何も変更していません。
    .why = メッセージが古すぎるか、所属組織のサインインページからのものではないか、このブラウザーに関するものではない可能性があります。
    .next = ポータルに戻ってください。まだサインインしている場合は、そこでサインアウトしてください。
sign-in-occupied = このブラウザーでは別の方がサインインしています
    .what = 所属組織のページがサインインを行おうとしましたが、このブラウザーは現在、別のアカウントで使われています。
    .why = 気付かないうちに別の名前で利用することを防ぐためです。
    .next = ポータルでサインアウトしてから、もう一度お試しください。
test-link = このリンクは使用できません
    .what = サインインテストのリンクは既に使われたか、15 分以上前のものか、このポータル用に作られたものではありません。
    .why = このリンクを持つ人は、テストを 1 回実行できます。
    .next = コマンド vestibule test-sso で新しいリンクを作成してもらい、このブラウザーで開いてください。
provider-not-assigned = このアカウントにはまだアクセス権がありません
    .what = サインインは成功しましたが、このアカウントではこのプロキシを利用できません。
    .why = 先に管理者が、アカウントをこのアプリケーションに割り当てる必要があります（AADSTS50105）。
    .next = 管理者またはヘルプデスクにアクセス権を依頼してから、もう一度お試しください。
provider-no-session = もう一度サインインしてください
    .what = サインインページにサインインの記録が残っていませんでした。
    .why = ページを表示せずにサインインしようとしましたが、以前のサインインがありませんでした。
    .next = もう一度始めて、サインインしてください。
provider-cancelled = サインインがキャンセルされました
    .what = 完了する前にサインインページが閉じられたため、サインインしていません。
    .why = 「キャンセル」が押されたか、ページで求められた内容に同意されませんでした。
    .next = いつでももう一度始められます。
provider-locked = このアカウントではサインインできません
    .what = サインインページによると、アカウントがロックされているか、無効になっているか、見つかりません。
    .why = パスワードを何度も間違えた場合や、管理者がアカウントを無効にした場合に起こります。
    .next = 管理者またはヘルプデスクにお問い合わせください。
provider-policy = このサインインは所属組織で許可されていません
    .what = 所属組織のルールにより、サインインが止められました。
    .why = 管理対象のデバイス、別の場所、または追加の本人確認が求められている可能性があります。
    .next = 所属組織が管理するデバイスでお試しいただくか、ヘルプデスクにお問い合わせください。
provider-misconfigured = サインインが正しく設定されていません
    .what = 所属組織のサインインページが、このポータルからのリクエストを受け付けません。
    .why = 双方の設定が異なっています。お客様の操作に問題はありません。
    .next = リクエスト ID と上の行をヘルプデスクにお知らせください。
provider-unknown = このポータルからサインインページに移動できません
    .what = このポータルには現在、所属組織のサインインページについての有効な情報がないため、誰もサインインできません。
    .why = 情報をまだ取得できていないか、情報の有効期限が過ぎています。所属組織のサインインページには問い合わせていません。
    .next = 数分後にもう一度お試しください。続く場合は、リクエスト ID をヘルプデスクにお知らせください。このレルムのメタデータを更新する必要があります。
provider-failed = サインインできませんでした
    .what = 所属組織のサインインページがエラーを返しました。
    .why = 理由が示されている場合は、下に表示されます。
    .next = もう一度始めてください。繰り返す場合は、リクエスト ID をヘルプデスクにお知らせください。
portal-busy = 現在、サインインが集中しています
    .what = ポータルは現在、これ以上のサインインを受け付けられません。
    .why = 短い時間に非常に多くの試行がありました。
    .next = 1 分ほど待ってから、もう一度お試しください。
portal-away = 現在、サインインできません
    .what = ポータルは現在、新しいセッションを開始できません。既にサインインしている方は、そのまま利用できます。
    .why = サインインの状態を記録しているシステムが応答していません。
    .next = 数分待ってから、もう一度お試しください。続く場合は、ヘルプデスクにお問い合わせください。
ended-here = このサーバーでは終了しました
    .what = 終了したものは、このサーバーでは終了したままです。ほかのサーバーには少し遅れて反映されます。
    .why = 現在、ほかのサーバーと共有しているストアに接続できません。ストアが復旧すると、ほかのサーバーに通知されます。
    .next = ほかに必要な操作はありません。
ended-fleetingly = このサーバーでは、ひとまず終了しました
    .what = 終了したものは、このサーバーが停止するまで終了したままです。
    .why = 現在、このサーバーのストアにもディスクにも書き込めません。書き込めるようになる前にサーバーが再起動すると、元に戻ります。
    .next = 後でもう一度終了し、ヘルプデスクにお知らせください。
portal-form = フォームを受け付けられませんでした
    .what = フォームがこのポータルのページからのものではないか、古すぎるため、何も変更していません。
    .why = お客様になりすましてボタンを押すページから保護するためです。
    .next = ポータルに戻り、そこでボタンを押してください。
portal-not-found = ページが見つかりません
    .what = このアドレスには、ポータルのページがありません。
    .why = アドレスのつづりが間違っているか、リンクが古い可能性があります。
    .next = ポータルに戻ってください。
portal-too-large = メッセージが大きすぎます
    .what = 送信された内容が、ポータルの上限を超えています。
    .why = このポータルには、これほど大きなフォームはありません。
    .next = ポータルに戻り、もう一度始めてください。

## 証明書

certificate-title = このデバイスの設定
certificate-lead = https サイトの前に表示されるサインインページや、サイトがブロックされた理由を示すページなどは、このデバイスがプロキシの認証局を信頼している場合にだけ表示されます。
certificate-this = 証明書
certificate-name = 名前
certificate-until = 有効期限
certificate-fingerprint = SHA-256 フィンガープリント
certificate-compare = 信頼する前に、ヘルプデスクから別の手段で伝えられたフィンガープリントと一致することを確認してください。
certificate-trusted = このブラウザーは認証局を信頼しています。
certificate-trusted-next = ここで必要な操作はありません。下の手順は、ほかのデバイスやブラウザー用です。
certificate-unknown = このブラウザーはまだ認証局を信頼していません。
certificate-unknown-next = 下の手順に従ってから、このページを再読み込みしてください。変わらない場合は、ブラウザーがプロキシを使っていない可能性があります。
certificate-der = Windows、Apple、Android 用をダウンロード
certificate-pem = Linux、Firefox 用をダウンロード（PEM）
certificate-install = インストール方法

system-windows = Windows
    .steps =
        1 つ目のファイルをダウンロードして開きます。
        「証明書のインストール」を選び、「現在のユーザー」（このコンピューターの全員の場合は「ローカル コンピューター」）を選びます。
        「証明書をすべて次のストアに配置する」を選び、「信頼されたルート証明機関」を選びます。
        完了したらフィンガープリントを確認し、ブラウザーを再起動します。
system-macos = macOS
    .steps =
        1 つ目のファイルをダウンロードして開きます。キーチェーンアクセスによって「ログイン」キーチェーンに追加されます。
        追加された証明書をダブルクリックし、「信頼」を開いて「この証明書を使用するとき」を「常に信頼」にします。
        ウィンドウを閉じ、パスワードを入力します。
system-ios = iPhone と iPad
    .steps =
        このページを Safari で開き、1 つ目のファイルをダウンロードします。プロファイルのダウンロードを許可します。
        「設定」の「一般」、「VPN とデバイス管理」を開き、プロファイルを選んでインストールします。
        「設定」の「一般」、「情報」、「証明書信頼設定」を開き、完全な信頼を有効にします。
system-android = Android
    .steps =
        1 つ目のファイルをダウンロードします。
        設定で「CA 証明書」を検索するか、「セキュリティ」、「暗号化と認証情報」、「証明書のインストール」を開きます。
        「CA 証明書」を選んで確認し、ダウンロードしたファイルを選びます。メニューの名前は機種によって異なります。
system-debian = Linux：Debian と Ubuntu
    .steps =
        PEM ファイルをダウンロードし、そのフォルダーで次を実行します。
        $ sudo cp authority.pem /usr/local/share/ca-certificates/vestibule.crt
        $ sudo update-ca-certificates
        Chromium には独自のストアがあります。
        $ certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n vestibule -i authority.pem
system-fedora = Linux：Fedora と Red Hat
    .steps =
        PEM ファイルをダウンロードし、そのフォルダーで次を実行します。
        $ sudo cp authority.pem /etc/pki/ca-trust/source/anchors/vestibule.pem
        $ sudo update-ca-trust
system-firefox = Firefox（すべてのシステム）
    .steps =
        PEM ファイルをダウンロードします。
        設定の「プライバシーとセキュリティ」、「証明書」、「証明書を表示」を開き、「認証局証明書」タブを選びます。
        「インポート」を選び、ファイルを指定して、「この認証局によるウェブサイトの識別を信頼する」にチェックを入れます。

## 独自の名前を持つデバイス

devices-title = デバイス
devices-lead = 独自の名前でプロキシに接続するデバイスは、複数の人が 1 つのアドレスを共有している場所でもご自分のものとして認識されます。そのために通信が復号されることはありません。
devices-none = このようなデバイスはまだありません。
devices-used = 最終使用：{ $moment }
devices-unused = まだ使用されていません
devices-places = 使用できる場所：{ $places }
devices-until = それまでにサインインしなければ { $moment } に終了します
devices-signed-out = サインインが必要
devices-again = 新しいアドレス
devices-remove = 削除
devices-wire = 名前はプロキシまでの経路で読み取れるため、これまでに使ったことのあるネットワークでのみ有効です。別のネットワークでは、一度サインインを求められます。
devices-full = 1 人が持てるデバイスの上限に達しています。追加する前に、いずれかを削除してください。
devices-removed = デバイスを削除しました。その名前を使うと、サインインを求められます。
devices-make = デバイスを追加
devices-name = デバイスの呼び名
devices-hint = 見分けるための名前です（例：会社のノート PC）。
devices-button = アドレスを作成

setup-title = { $device } の設定
setup-lead = このアドレスを、プロキシの自動設定（PAC）のアドレスとしてデバイスに設定してください。手で入力するか、下のファイルを使います。
setup-secret = このアドレスは 1 時間だけ表示されます。使う人はご本人とみなされるため、秘密にしてください。失われた場合は、デバイスのページで新しく作成してください。
setup-files = 設定ファイル
setup-download = ダウンロード
setup-download-certificate = 証明書付きでダウンロード
setup-trust = デバイスはプロキシの証明書を信頼している必要があります。接続できない場合は、証明書がありません。
setup-back = デバイスのページへ
setup-windows = Windows
    .steps =
        ファイルをダウンロードして開き、設定の変更を許可します。
        ブラウザーを閉じて、もう一度開きます。Edge、Chrome などほとんどのプログラムが、このアドレスを使います。
        元に戻すには、「プロキシの設定」を開き、「セットアップ スクリプトを使う」をオフにします。
setup-apple = macOS、iPhone、iPad
    .steps =
        Mac では、プロファイルをダウンロードして開き、システム設定の「プロファイル」でインストールします。
        iPhone や iPad ですべてのネットワークにプロキシを設定できるのは、所属組織が管理している場合だけです。それ以外の場合は、設定の「Wi-Fi」でネットワークを開き、「プロキシを構成」、「自動」を選んでアドレスを入力します。
        証明書が含まれる場合は、「一般」、「情報」、「証明書信頼設定」でも有効にします。
setup-linux = Linux：GNOME と KDE
    .steps =
        スクリプトをダウンロードし、ご自分のセッションで実行します。
        $ sh vestibule-proxy.sh
        元に戻すには、ネットワーク設定で「無効」または「プロキシなし」を選びます。
setup-terminal = ターミナル：curl、git など
    .steps =
        ファイルをダウンロードし、シェルに読み込みます。プロキシと TLS で通信できるプログラムが使うようになります。
        $ . ./vestibule-proxy.env
        元に戻すには、シェルを閉じます。
setup-firefox = Firefox
    .steps =
        policies.json をダウンロードし、プログラムと同じ場所の「distribution」フォルダー、Linux では /etc/firefox/policies に置きます。
        証明書付きの場合、Linux では authority.pem を ~/.mozilla/certificates に置きます。Windows と macOS では、Firefox はシステムの証明書を使います。
        または、設定の「ネットワーク設定」、「自動プロキシー設定スクリプト URL」にアドレスを入力します。
setup-chromium = Linux の Chromium、Chrome、Edge
    .steps =
        ポリシーをダウンロードし、ブラウザーのフォルダーに置きます。
        $ sudo install -Dm644 vestibule-proxy.json /etc/chromium/policies/managed/vestibule-proxy.json
        フォルダーは、Chrome では /etc/opt/chrome/policies/managed、Edge では /etc/opt/edge/policies/managed です。

## プロキシ自身のアドレス

home-title = これはプロキシです
home-lead = ブラウザーはここを通ってインターネットに接続します。このアドレスには、ほかに表示するものはありません。
home-pac = プロキシの自動設定
home-pac-lead = このアドレスを、デバイスまたはブラウザーの自動設定（PAC）のアドレスとして入力してください。
home-portal = ポータルを開く

## ツール向けのテキスト

tool-sign-in = サインインが必要です
    .what = このデバイスでは誰もサインインしておらず、このリクエストをサインインページに送ることはできません。
    .next = このデバイスのブラウザーでポータルを開いてサインインしてから、もう一度お試しください。
tool-sign-in-again = 新たなサインインが必要です
    .what = この宛先には前回のサインインが古すぎます。このリクエストをサインインページに送ることはできません。
    .next = サインインしているブラウザーで下のアドレスを開き、本人確認を行ってから、もう一度お試しください。
tool-denied = ルールによりブロックされました
    .what = この宛先はルールで許可されていません。
    .next = 業務で必要な場合は、リクエスト ID を添えてヘルプデスクにお問い合わせください。
tool-warned = 先に警告を読む必要があります
    .what = この接続先にはルールによる警告がありますが、このリクエストでは警告を表示できません。
    .next = サインインしているブラウザーで下のアドレスを開き、警告を読んで先に進んでください。その後、もう一度お試しください。
tool-overridable = ルールによりブロックされました
    .what = この接続先は、誰かがブロックを解除しない限り、ルールで許可されていません。
    .next = 開く権限がある場合は、サインインしているブラウザーで下のアドレスを開いてください。その後、もう一度お試しください。
tool-place = 宛先：
tool-portal = ポータル：

## 運用担当者向けの SSO テスト

test-title = SSO テスト：{ $realm }
test-lead = 何も変更しないサインインを 1 回実行します。誰もサインインせず、送信および検査された内容をすべて確認できます。
test-waits = このレルムは、テストに合格するまで無効のままです。
test-entity = このポータルのエンティティ ID
test-acs = 応答 URL（ACS）
test-issuer = ID プロバイダー
test-begin = テストを開始
test-again = もう一度テストする
test-errors = ID プロバイダーがエラーを表示する場合
test-errors-lead = Microsoft Entra ID のエラーの一部は Entra 側のページに表示され、ここには戻ってきません。変更する箇所は次のとおりです。
test-good = テストに合格しました
test-good-lead = { $realm } のユーザーは、この設定でサインインできます。このテストでは誰もサインインしていません。
test-bad = テストに失敗しました
test-bad-lead = { $realm } のユーザーは、この設定ではサインインできません。変更する箇所は、失敗した各検査に示されています。
test-switched-on = このレルムはこのテストを待っていました。現在は有効です。
test-checks = 検査
test-passed = 合格
test-failed = 失敗
test-not-reached = 未実施
test-found = 検出値
test-certificates = 証明書
test-certificate-message = メッセージ内
test-certificate-trusted = ここで設定済み
test-claims = クレーム
test-claim = クレーム
test-value = 値
test-becomes = 対応する項目
test-unused = 未使用
test-messages = メッセージ
test-request = 要求した内容（AuthnRequest）
test-response = 返された内容（Response）
test-assertion = 暗号化されていた内容（Assertion）
test-masked = このページからコピーした内容でサインインできないよう、署名、ダイジェスト、証明書は省かれています。

check-age = このレルムのアドレスに、時間内に届いた
    .wanted = 期待値
    .cure = テストをもう一度開始してください。再び失敗する場合、ID プロバイダーの応答 URL が、このレルムの acs にも acs_aliases にも含まれていません。
check-shape = 通常の形式の SAML Response である
    .wanted = 期待値
    .cure = メッセージが ID プロバイダーの送るものではないか、このポータルが拒否する部分を含んでいます。途中で変更されていませんか。ここに設定されていない鍵で暗号化されている場合は、「トークンの暗号化」の証明書を削除してください。
    .algorithm = SHA-1 などの弱いアルゴリズムで署名または暗号化されています。Entra では「シングル サインオン」の「SAML 証明書」の「編集」で、署名アルゴリズムを SHA-256 にしてください。ほかの ID プロバイダーでは、署名とダイジェストの両方に SHA-256 を選んでください。
check-version = SAML 2.0
    .wanted = 期待値
    .cure = ID プロバイダーを SAML 2.0 に設定してください。
check-destination = このアドレスに送られた（Destination）
    .wanted = 期待値
    .cure = ID プロバイダーの応答 URL を、ここで期待されているアドレスと一字一句同じにしてください。Entra では「シングル サインオン」の「基本的な SAML 構成」です。
check-issuer = 設定された ID プロバイダーからのものである（Issuer）
    .wanted = 期待値
    .cure = このレルムのメタデータまたは issuer が、別の ID プロバイダーまたはテナントのものです。Microsoft Entra 識別子を末尾のスラッシュも含めてコピーするか、このアプリケーションのメタデータをもう一度ダウンロードしてください。
check-request = このポータルの要求に対する応答である（InResponseTo）
    .wanted = 期待値
    .cure = Response が別の要求に対するものか、要求なしに作られたものです。ID プロバイダーのタイルではなく、ボタンからテストを開始してください。
check-issued = たった今作られたものである（IssueInstant）
    .wanted = ここの時刻
    .cure = 日時が未来か、こちらのリクエストより前になっています。時計が 1 分以上ずれています。NTP でこのマシンと ID プロバイダーの時計を合わせてください。
check-status = ID プロバイダーが成功を報告している（Status）
    .wanted = 期待値
    .cure = ID プロバイダーの示した理由は上に表示されています。
check-signature = 設定された証明書による署名を、2 つの検証器がともに確認した
    .wanted = 期待値
    .cure = Response にも Assertion にも署名がないか、署名が有効ではありません。Entra では、署名アルゴリズムが SHA-256 であれば、どの署名オプションでもかまいません。
    .algorithm = SHA-1 などの弱いアルゴリズムで署名または暗号化されています。Entra では「シングル サインオン」の「SAML 証明書」の「編集」で、署名アルゴリズムを SHA-256 にしてください。ほかの ID プロバイダーでは、署名とダイジェストの両方に SHA-256 を選んでください。
    .foreign = ここに設定されていない証明書で署名されています。下の拇印を比べてください。Entra の「SAML 証明書」でアクティブな証明書の拇印が、設定されているものと異なります。フェデレーション メタデータ XML または証明書 (Base64) をもう一度ダウンロードし、このレルムの metadata または certificate に設定してください。
check-assertion = Assertion に必要なものが揃っている
    .wanted = 期待値
    .cure = Conditions、bearer の確認、AuthnStatement など、Web Browser SSO プロファイルで必要な部分が Assertion にありません。
check-assertion-issuer = Assertion が設定された ID プロバイダーからのものである
    .wanted = 期待値
    .cure = このレルムのメタデータまたは issuer が、別の ID プロバイダーまたはテナントのものです。
check-assertion-issued = Assertion がたった今作られたものである（IssueInstant）
    .wanted = ここの時刻
    .cure = 日時が未来か、こちらのリクエストより前になっています。時計が 1 分以上ずれています。NTP でこのマシンと ID プロバイダーの時計を合わせてください。
check-validity = 現在有効である（Conditions）
    .wanted = ここの時刻
    .cure = Assertion の有効期間がまだ始まっていないか、既に終わっています。NTP でこのマシンの時計を合わせてください。
check-audience = このポータル宛てである（Audience）
    .wanted = 期待値
    .cure = ID プロバイダーの「識別子 (エンティティ ID)」を、ここで期待されている値と一字一句同じにするか、このレルムの entity_id を変更してください。
check-authentication = ご本人であることが確認され、その確認がまだ有効である
    .wanted = ここの時刻
    .cure = 時計がずれているか、ID プロバイダーのセッションが終わっています。ID プロバイダーでサインアウトし、もう一度テストしてください。
check-context = 求められた方法でサインインした（AuthnContext）
    .wanted = 期待値（いずれか）
    .cure = 期待されている方法のいずれかを ID プロバイダーに求めさせるか、検出された方法をこのレルムの authn_context に加えるか、authn_context を削除してください。削除すると、どの方法でもかまいません。
check-anew = 新たに本人確認が行われた（ForceAuthn）
    .wanted = 要求した時刻
    .cure = ID プロバイダーが、要求より前のサインインで応答しました。ForceAuthn に従うように設定するか、このレルムの force_authn を削除してください。確認が行われた場合は、時計が 1 分以上ずれています。
check-confirmation = ここで今、提示できるものである（Recipient）
    .wanted = 期待値
    .cure = ID プロバイダーの応答 URL を、ここで期待されているアドレスと一字一句同じにしてください。既に同じ場合は、時計がずれています。
check-identity = クレームから人を特定できる
    .wanted = 期待値（いずれか）
    .cure = このレルムの identity_claims がどれも含まれていないか、いずれかが空、重複、または別のテナントのものです。Entra では「属性とクレーム」の「新しいクレームの追加」で、名前空間を空にして追加してください。または、検出されたクレームのいずれかを identity_claims に指定してください。NameID だけが人を示す場合は、identity_claims = ["NameID"] を指定してください。
check-domain = レルムがその名前のドメインを扱える
    .wanted = 期待値（いずれか）
    .cure = 名前が、このレルムのものではないドメインに属しています。このレルム自身のドメインであれば、domains に追加してください。ゲストのものであれば、foreign_names に追加するか、テナントでゲストが持つ名前をクレームとして送ってください。

field-name = 記録とルールで使う名前
field-id = 変わらない識別子
field-display-name = 表示名
field-sam-account-name = sAMAccountName
field-upn = UPN
field-email = メールアドレス
field-groups = グループ
field-too-many-groups = グループ不明（150 を超える）
field-tenant = 求められるテナント

entra-50011 = 応答 URL が登録されていません。Entra：「エンタープライズ アプリケーション」、対象のアプリケーション、「シングル サインオン」、「基本的な SAML 構成」、「応答 URL」に { $acs } を追加してください。
entra-50058 = ページを表示せずにサインインすることを Entra に求めましたが、誰もサインインしていませんでした。もう一度始めてください。続く場合、ブラウザーが login.microsoftonline.com の Cookie をブロックしています。
entra-50105 = この人はアプリケーションに割り当てられていません。Entra：「エンタープライズ アプリケーション」、対象のアプリケーション、「ユーザーとグループ」、「ユーザーまたはグループの追加」。または「プロパティ」の「割り当てが必要ですか?」を「いいえ」にしてください。
entra-700016 = このテナントには、このポータルのエンティティ ID を持つアプリケーションがありません。Entra：「シングル サインオン」、「基本的な SAML 構成」、「識別子 (エンティティ ID)」を { $entity } にするか、このレルムの entity_id をそこに表示されている値に変更してください。識別子が正しい場合は、login_url が別のテナントのものです。
entra-75011 = サインインの方法が、求めたものと異なります。このレルムから authn_context を削除してください。そのままでは、Windows Hello、証明書、セキュリティキーを使う人がサインインできません。
entra-900236 = Entra は要求に含まれる Subject を受け付けません。このポータルは送信していないため、Entra との間で要求が変更されたか、別の製品が送信したものです。
entra-7500529 = 要求の ID が数字で始まっています。このポータルの ID は数字で始まらないため、Entra との間で要求が変更されたか、別の製品が送信したものです。

## ツールとターミナル

tokens-count = サインイン中のツールとターミナル：{ $count } 件
tokens-title = ツールとターミナル
tokens-lead = git、curl、pip などのプログラムはサインインページを表示できません。ここで、ご自分の名前でプロキシを通れるようにします。
tokens-list = サインイン中
tokens-account = ここにあるものが使うアカウント：
tokens-none = サインインしているツールやターミナルはありません。
tokens-terminal = ターミナル
tokens-made = 作成日時
tokens-expires = 有効期限
tokens-last-use = 最終使用
tokens-never = なし
tokens-networks = 使用元
tokens-destinations = 宛先
tokens-revoke = 取り消す…
tokens-revoke-lead = 使用しているものは直ちに切断されます。元に戻すことはできません。
tokens-revoke-now = { $name } を取り消す
tokens-sign-in-terminal = ターミナルをサインインさせる
tokens-sign-in-terminal-lead = コマンドを入力するウィンドウ用です。そこで次の行を実行し、ここで承認してください。何かを写す必要はなく、ファイルにも何も残りません。
tokens-new = トークンを作成する
tokens-new-lead = 人の操作なしで動くスクリプトやサーバー用です。トークンは、1 つのプログラムのための長いパスワードです。
tokens-what = トークンとは何ですか？
tokens-what-text =
    プログラムは、サインインページの代わりにトークンをプロキシに示し、ご自分の名前で通信できるようになります。ほかの用途には使えません。トークンでアカウントやメールを開くことはできません。
    トークンを持つ人は、ご自分の名前で通信できます。用途ごとに作成して制限を付け、パスワードと同じように保管してください。期限が来ると自動的に無効になり、ここでいつでも取り消せます。
tokens-note-revoked = 取り消しました。使用していたものは切断されました。
tokens-note-no-terminal = このコードで待っているターミナルはありません。コードは 10 分間、1 回だけ有効です。ターミナルで新しいコードを表示してください。
tokens-note-shown = トークンは 1 回だけ表示されます。コピーしていない場合は、取り消して作成し直してください。

token-name = 名前
token-name-hint = 用途を表す名前です（例：ビルドサーバー）
token-lifetime = 有効期間
token-days = { $days } 日
token-limits = 使える場所と用途を制限する
token-networks = 使える場所
token-networks-hint = 空欄の場合はどこでも使えます。制限する場合は、ネットワーク、アドレス、範囲をコンマで区切って入力します。現在は { $client }、ネットワーク { $network } から接続しています。
token-destinations = 使える宛先
token-destinations-hint = 空欄の場合はすべての宛先に使えます。制限する場合は pypi.org のように入力します。その下のすべてのホストも含まれます
token-make = トークンを作成
token-mistake-name = 見分けられる名前を付けてください。
token-mistake-network = { $entry } は、アドレスでも、範囲でも、ここのネットワークの名前でもありません。
token-mistake-destination = { $entry } は宛先ではありません。pypi.org のように、ホスト名だけを入力してください。
token-mistake-many = 20 件を超えています。
token-mistake-full = トークンの数が上限の { $most } 件に達しています。先にいずれかを取り消してください。

new-token-title = 新しいトークン
new-token-lead = 今すぐコピーしてください。表示されるのは 1 回だけで、後から表示することは誰にもできません。
new-token-lines = コピー用
new-token-lines-lead = 保存したファイルや環境を読める人は、トークンを使えます。
new-token-done = 完了
token-for-shell = Linux、macOS：シェル全体
    .where = ~/.profile、またはシェルで直接
token-for-curl = curl
    .where = コマンドライン。シェル用の行も使えます
token-for-wget = wget
    .where = コマンドライン、または ~/.wgetrc の https_proxy
token-for-git = git
    .where = https 経由
token-for-pip = pip
    .where = ご自分のアカウント用
token-for-npm = npm
    .where = ご自分のアカウント用
token-for-apt = apt
    .where = root だけが読める（chmod 600）/etc/apt/apt.conf.d/80proxy などのファイル
token-for-docker = docker
    .where = コンテナー用は ~/.docker/config.json。dockerd 自体はユニットの HTTPS_PROXY を使います
token-for-powershell = PowerShell
    .where = セッション、または $PROFILE
token-for-other = その他
    .where = プロキシのホスト、ポート、名前、パスワード

terminal-title = これはご自分のターミナルですか？
terminal-lead = ターミナルが、ご自分の名前でのサインインを求めています。ターミナルに次のコードが表示されているはずです。
terminal-elsewhere = このターミナルのアドレスは、このブラウザーのものと異なります。理由が分かる場合にだけ承認してください。
terminal-address = アドレス
terminal-tool = ツール
terminal-asked = 要求日時
terminal-means = 承認すると、そのターミナルを使う人は、{ $moment } まで、またはここでサインアウトするまで、{ $account } としてインターネットを利用します。
terminal-warning = ご自分で今始めたものだけを承認してください。このアドレスを誰かから受け取った場合は、拒否してください。
terminal-approve = 承認
terminal-refuse = 拒否
terminal-decided-good = ターミナルを承認しました
terminal-decided-approved = ターミナルはまもなく先に進みます。このページは閉じてかまいません。
terminal-decided-bad = ターミナルを拒否しました
terminal-decided-refused = ターミナルに通知しました。このページは閉じてかまいません。
terminal-decided-list = すべてのツールとターミナル

terminal-open = サインインしているブラウザーで次のアドレスを開くか、そこでサインインしてください：
terminal-compare = コード { $code } が表示されるはずです。確認して承認してください。
terminal-waiting = 待機中です（Ctrl-C で終了）…
terminal-approved = { $account } としてサインインしました（{ $moment } まで）。
terminal-refused = ターミナルが拒否されました。
terminal-unknown = コードが無効になったか、別のアドレスで作成されたものです。もう一度始めてください。
terminal-away = セッションの保存先が応答しないため、現在サインインできません。後でもう一度お試しください。
terminal-plain = これはスクリプトではありません。TLS がなければ、経路上の誰でもシェルが実行する内容を書き換え、トークンを読み取ることができます。プロキシを通してポータルに問い合わせてください：
terminal-authority = ファイル { $file } は、このプロキシの認証局の証明書です。ブラウザーで { $place } からダウンロードするか、ヘルプデスクにお問い合わせください。代わりに -k を使わないでください。何も確認できなくなります。

tool-unknown = プロキシは誰からのリクエストかを知る必要がありますが、このツールにはトークンがありません。
tool-terminal = このターミナルをサインインさせるには、ブラウザーで次のアドレスを開いてください：
tool-terminal-code = コード { $code } を確認して承認してください。その後、ここで次を実行します：
tool-token = スクリプトでは、トークンを作成し、プロキシのパスワードとして使ってください：
tool-token-unknown = プロキシのトークンまたはパスワードが正しくありません。
tool-token-expired = トークンの有効期限が切れています。
tool-token-revoked = トークンは取り消されています。
tool-token-person = トークンは、前に指定された名前とは別の人のものです。名前には「token」を使ってください。
tool-token-network = このマシンのネットワークでは、このトークンを使えません。
tool-token-destination = この宛先には、このトークンを使えません。
tool-token-too-many = このアドレスから、誤ったトークンが多数送られました。1 分ほどお待ちください。
tool-token-away = 現在、トークンを確認できません。後でもう一度お試しください。

## サイトの前にルールが置くもの

warning-title = 先に進む前に
warning-lead-place = 開く前に、次の内容をお読みください：
warning-lead = まず次の内容をお読みください。
warning-plain = このサイトを開く前に、本当に必要かどうか確認するよう組織が求めています。
warning-rule = ルール
warning-go-on = 読みました。先に進む
warning-remember = { $time }は確認を求められません。
warning-leave = 先に進まない場合は、このページを閉じてください。
span-minutes = { $minutes } 分間
span-hours = { $hours } 時間
override-lead = 開こうとした内容は、ルールでブロックされています。
override-title = 一時的に開く
override-password-lead = パスワードを知っている人は、{ $time }、開くことができます。
override-member-lead = あなたは、{ $time }、開くことができます。
override-password = パスワード
override-reason = 必要な理由
override-reason-hint = 管理者が読みます。
override-open = 開く
override-recorded = お名前、サイト、時刻が記録されます。
override-wrong = パスワードが違います。
override-no-reason = 必要な理由を入力してください。
override-too-many = 試行回数が多すぎます。10 分待ってから、もう一度お試しください。

## 利用の申請

review-title = このサイトの利用を申請する
review-lead = ルールの担当者に通知されます。
review-site = サイト
review-why = 何のために必要ですか？
review-why-hint = 空欄のままでもかまいません。
review-told = 申請を送信しました
review-told-lead = { $site } が必要であることをルールの担当者に伝えました。
review-told-next = まだ何も変わっていません。このページは閉じてかまいません。
review-not-told = 申請を送信できませんでした
review-not-told-lead = 申請を受け付けるサービスが応答しません。
review-not-told-next = 後でもう一度試すか、ルールとリクエスト ID をヘルプデスクにお伝えください。

## テナント管理者の同意

consent-granted = アクセス許可が与えられました
consent-granted-lead = ディレクトリ { $directory } のアプリケーションは、必要な操作を行えるようになりました。
consent-granted-next = ディレクトリの読み取りを始めています。このページは閉じてかまいません。
consent-refused = アクセス許可は与えられませんでした
consent-refused-lead = ディレクトリ { $directory } のアプリケーションは、必要な許可を得られませんでした。
consent-refused-next = 新しいリンクを受け取り、同意できる管理者に開いてもらってください。
consent-stale = このリンクはもう使えません
consent-stale-lead = 応答が遅すぎたか、求めていないものでした。ここでは何も変わっていません。
