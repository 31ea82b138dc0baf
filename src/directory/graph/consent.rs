//! The link with which an administrator of a tenant consents to what an application asks for (Microsoft identity platform,
//! "Admin consent").

use url::Url;

use super::config::Config;

impl Config {
    /// The link for the application `client_id`, which leads back to `redirect` with `state`. `None` if the login address is
    /// none.
    pub fn consent_link(&self, client_id: &str, redirect: &str, state: &str) -> Option<Url> {
        let mut link = Url::parse(&self.login()).ok()?;
        link.path_segments_mut().ok()?.pop_if_empty().extend([self.tenant.as_str(), "v2.0", "adminconsent"]);
        link.query_pairs_mut()
            .append_pair("client_id", client_id)
            // All permissions that the application's registration names.
            .append_pair("scope", &format!("{}/.default", self.graph()))
            .append_pair("redirect_uri", redirect)
            .append_pair("state", state);
        Some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_leads_to_the_tenant_at_its_cloud_and_back_to_the_portal() {
        let link = |more: &str| {
            let config: Config = toml::from_str(&format!("tenant = 'contoso.com'\nclient_id = 'app'\n{more}")).unwrap();
            config.consent_link("app 2", "https://portal.test/consent", "a&b").unwrap().to_string()
        };
        assert_eq!(
            link(""),
            "https://login.microsoftonline.com/contoso.com/v2.0/adminconsent?client_id=app+2&scope=https%3A%2F%2F\
             graph.microsoft.com%2F.default&redirect_uri=https%3A%2F%2Fportal.test%2Fconsent&state=a%26b"
        );
        assert!(link("cloud = 'china'").starts_with("https://login.chinacloudapi.cn/contoso.com/v2.0/adminconsent?"));
    }
}
